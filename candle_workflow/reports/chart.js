"use strict";
// What all charts share: elements, numbers, scales, axes and the tooltip.

const data = JSON.parse(document.getElementById("data").textContent);
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const better = data.mode === "max" ? (a, b) => a > b : (a, b) => a < b;

function element(parent, tag, attributes = {}, text = null) {
  const svg = tag === "svg" || parent instanceof SVGElement;
  const node = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  parent.append(node);
  return node;
}

function format(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    return value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  }
  return String(Number(value.toPrecision(digits)));
}

const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

function seconds(value) {
  if (!isNumber(value)) return "–";
  if (value < 60) return `${format(value, 3)} s`;
  if (value < 3600) return `${format(value / 60, 3)} min`;
  return value < 172800 ? `${format(value / 3600, 3)} h` : `${format(value / 86400, 3)} d`;
}

// ---------------------------------------------------------------- scales

function niceStep(span, count) {
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((m) => m * power >= raw * 0.999);
}

function linear(low, high, from, to, count = 5) {
  if (low === high) { low -= Math.abs(low) * 0.05 || 1; high += Math.abs(high) * 0.05 || 1; }
  const step = niceStep(high - low, count);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  const scale = (v) => from + (v - low) / (high - low) * (to - from);
  return Object.assign(scale, { ticks, low, high, label: format });
}

function logarithmic(low, high, from, to, count = 5) {
  if (low === high) { low /= 2; high *= 2; }
  const [a, b] = [Math.log10(low), Math.log10(high)];
  const scale = (v) => from + (Math.log10(v) - a) / (b - a) * (to - from);
  const factors = b - a < 1.5 ? [1, 2, 5] : b - a < 2.5 ? [1, 3] : [1];
  let ticks = [];
  for (let e = Math.floor(a); e <= b + 1; e++) {
    for (const f of factors) ticks.push(Number((f * 10 ** e).toPrecision(12)));
  }
  ticks = ticks.filter((t) => t >= low * 0.999999 && t <= high * 1.000001);
  const every = Math.ceil(ticks.length / (count + 2));
  ticks = ticks.filter((_, i) => i % every === 0);
  if (ticks.length < 2) ticks = [low, high];
  return Object.assign(scale, { ticks, low, high, label: (v) => format(v, 3) });
}

// Outliers on the worse side must not press everything else into a line.
function objectiveScale(values, from, to, isBetter) {
  const sorted = values.filter(isNumber).sort((a, b) => a - b);
  if (!sorted.length) return linear(0, 1, from, to);
  let [low, high] = [sorted[0], sorted[sorted.length - 1]];
  if (low > 0 && high / low > 50) {
    const pad = (high / low) ** 0.04;
    return logarithmic(low / pad, high * pad, from, to);
  }
  const at = (q) => sorted[Math.round(q * (sorted.length - 1))];
  if (isBetter && sorted.length >= 20) {
    const [bulkLow, bulkHigh] = [at(0.1), at(0.9)];
    const reach = (bulkHigh - bulkLow) * 2;
    if (reach > 0 && isBetter(0, 1)) high = Math.min(high, bulkHigh + reach);
    if (reach > 0 && isBetter(1, 0)) low = Math.max(low, bulkLow - reach);
  }
  const pad = (high - low) * 0.04;
  return linear(low - pad, high + pad, from, to);
}

const clamp = (scale, value) => scale(Math.min(scale.high, Math.max(scale.low, value)));

// ---------------------------------------------------------------- a chart's frame

const FRAME = { top: 10, right: 14, bottom: 40, left: 62 };

function canvas(host, height, label, least = 0) {
  host.replaceChildren();
  const width = Math.max(host.clientWidth, least);
  const svg = element(host, "svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
  });
  return { svg, width, height };
}

function axes(svg, x, y, size, labels) {
  const { top, right, bottom, left } = FRAME;
  const floor = size.height - bottom;
  const group = element(svg, "g", { class: "axis" });
  for (const tick of y.ticks) {
    element(group, "line", { x1: left, x2: size.width - right, y1: y(tick), y2: y(tick) });
    const at = { x: left - 7, y: y(tick) + 4, "text-anchor": "end" };
    element(group, "text", at, y.label(tick));
  }
  element(group, "line", { class: "rule", x1: left, x2: size.width - right, y1: floor, y2: floor });
  for (const tick of x.ticks) {
    element(group, "text", { x: x(tick), y: floor + 16, "text-anchor": "middle" }, x.label(tick));
  }
  const middle = (left + size.width - right) / 2;
  const below = { class: "axis-label", x: middle, y: size.height - 5, "text-anchor": "middle" };
  element(svg, "text", below, labels.x);
  const turn = `translate(13 ${(top + floor) / 2}) rotate(-90)`;
  element(svg, "text", { class: "axis-label", transform: turn, "text-anchor": "middle" }, clip(labels.y, 36));
}

const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

// Whatever the scripts learn from a name or a message becomes text, never markup.
const tip = element(document.body, "div", { class: "tip", role: "status" });

function showTip(event, text) {
  tip.textContent = text;
  const { innerWidth, innerHeight } = window;
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${event.clientY + 16 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 16}px`;
}

function hideTip() { tip.textContent = ""; }

// Calls over(x, y, event) with the pointer's place in the drawing, and out() when it leaves.
function onPointer(svg, over, out) {
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    over(event.clientX - box.left, event.clientY - box.top, event);
  });
  svg.addEventListener("pointerleave", () => { hideTip(); out(); });
}

function nearest(items, x, y, reach = 30) {
  let [found, least] = [null, reach * reach];
  for (const item of items) {
    const distance = (item.x - x) ** 2 + (item.y - y) ** 2;
    if (distance < least) [found, least] = [item, distance];
  }
  return found;
}

function describe(number) {
  const row = data.rows.find((r) => r[0] === number);
  if (!row) return `trial ${number}`;
  const lines = [`trial ${number}, ${row[1]}: ${data.metric} ${format(row[2], 5)}`];
  data.params.forEach((param, i) => {
    if (row[3][i] !== null) lines.push(`${param.name} ${format(row[3][i])}`);
  });
  return lines.join("\n");
}

// Draws now and whenever the width changes.
function figure(name, draw) {
  const root = document.getElementById(name);
  const host = root.querySelector(".plot");
  const caption = (text) => { root.querySelector("figcaption").textContent = text; };
  const parts = { host, caption, tools: root.querySelector(".tools") };
  let width = 0;
  const redraw = () => { width = host.clientWidth; draw(parts); };
  new ResizeObserver(() => { if (host.clientWidth !== width) redraw(); }).observe(host);
  redraw();
  return redraw;
}

function empty(host, text) {
  host.replaceChildren();
  element(host, "p", { class: "empty" }, text);
}

function choice(tools, label, options, onChange) {
  const wrapper = element(tools, "label", {}, `${label} `);
  const select = element(wrapper, "select");
  for (const [value, text] of options) element(select, "option", { value }, text);
  select.addEventListener("change", onChange);
  return select;
}
