// ---------------------------------------------------------------- best so far

function bestSoFar() {
  const { best, dots, total, last_s: lastSeconds } = data.progress;
  const tools = document.querySelector("#best-so-far .tools");
  if (!total) {
    return figure("best-so-far", ({ host }) => empty(host, "No trial is complete yet."));
  }
  const by = choice(tools, "over", [["0", "trials"], ["1", "time"]], () => redraw());
  const redraw = figure("best-so-far", ({ host, caption }) => {
    const size = canvas(host, 300, `Best ${data.metric} so far over ${total} trials`);
    const column = Number(by.value);
    const left = FRAME.left, right = size.width - FRAME.right;
    const x = column === 0 ? linear(0, total, left, right) : timeScale(lastSeconds, left, right);
    const all = [...dots, ...best];
    const y = objectiveScale(all.map((d) => d[2]), size.height - FRAME.bottom, FRAME.top, better);
    const unit = column === 0 ? "trials complete" : `time since the beginning (${x.unit})`;
    axes(size.svg, x, y, size, { x: unit, y: data.metric });
    const places = all.map((d) => ({ x: x(d[column]), y: clamp(y, d[2]), dot: d }));
    for (const place of places.slice(0, dots.length)) {
      element(size.svg, "circle", { class: "dot", cx: place.x, cy: place.y, r: dots.length > 500 ? 1.6 : 2.6 });
    }
    const line = [];
    best.forEach((d, i) => {
      if (i) line.push([x(d[column]), clamp(y, best[i - 1][2])]);
      line.push([x(d[column]), clamp(y, d[2])]);
    });
    line.push([x(column === 0 ? total : lastSeconds), clamp(y, best[best.length - 1][2])]);
    element(size.svg, "path", { class: "step", d: path(line) });
    for (const d of best) {
      element(size.svg, "circle", { class: "best-dot", cx: x(d[column]), cy: clamp(y, d[2]), r: 3.6 });
    }
    const ring = element(size.svg, "circle", { class: "hover-dot", r: 0 });
    onPointer(size.svg, (px, py, event) => {
      const found = nearest(places, px, py);
      if (!found) { hideTip(); ring.setAttribute("r", 0); return; }
      for (const [name, value] of [["cx", found.x], ["cy", found.y], ["r", 6]]) ring.setAttribute(name, value);
      showTip(event, `${describe(found.dot[3])}\nended after ${seconds(found.dot[1])}`);
    }, () => ring.setAttribute("r", 0));
    const beyond = all.filter((d) => d[2] < y.low || d[2] > y.high).length;
    caption([
      dots.length < total ? `Dots: ${format(dots.length)} of ${format(total)} trials.` : "Dots: complete trials.",
      beyond ? `${beyond} lie beyond the axis and are drawn at its edge.` : "",
    ].join(" ").trim());
  });
  return redraw;
}

function timeScale(last, from, to) {
  const [unit, factor] = last < 180 ? ["s", 1] : last < 10800 ? ["min", 60] : last < 259200 ? ["h", 3600] : ["d", 86400];
  const inner = linear(0, last / factor || 1, from, to);
  const scale = (v) => inner(v / factor);
  const ticks = inner.ticks.map((t) => t * factor);
  return Object.assign(scale, { ticks, unit, label: (v) => format(v / factor, 3) });
}

// ---------------------------------------------------------------- learning curves

const TOP = 5;

function learningCurves() {
  const { metrics, order, best, total } = data.curves;
  const names = Object.keys(metrics);
  if (!names.length) return null; // then there is no figure
  names.sort((a, b) => (b === data.metric) - (a === data.metric));
  const tools = document.querySelector("#learning-curves .tools");
  const metric = choice(tools, "metric", names.map((n) => [n, n]), () => redraw());
  const legend = element(tools, "span", { class: "tools" });
  const redraw = figure("learning-curves", ({ host, caption }) => {
    const curves = metrics[metric.value];
    const shown = order.filter((n) => curves[n]);
    const size = canvas(host, 300, `${metric.value} by step of ${shown.length} trials`);
    const points = shown.flatMap((n) => curves[n]);
    const steps = points.map((p) => p[0]);
    const x = linear(Math.min(...steps), Math.max(...steps), FRAME.left, size.width - FRAME.right);
    x.ticks = x.ticks.filter(Number.isInteger);
    const isBetter = metric.value === data.metric ? better : null;
    const y = objectiveScale(points.map((p) => p[1]), size.height - FRAME.bottom, FRAME.top, isBetter);
    axes(size.svg, x, y, size, { x: "step", y: metric.value });
    const top = order.slice(0, Math.min(TOP, best)).filter((n) => curves[n]);
    const places = [];
    const drawn = new Map();
    for (const n of [...shown].reverse()) {
      const line = curves[n].filter((p) => isNumber(p[1])).map((p) => [x(p[0]), clamp(y, p[1]), p]);
      const rank = top.indexOf(n);
      const node = element(size.svg, "path", { class: rank < 0 ? "curve" : "top", d: path(line) });
      if (rank >= 0) node.style.stroke = `var(--c${rank + 1})`;
      drawn.set(n, node);
      for (const [px, py, point] of line) places.push({ x: px, y: py, n, point });
    }
    legend.replaceChildren();
    top.forEach((n, rank) => {
      const item = element(legend, "span", { class: "legend" });
      element(item, "i").style.background = `var(--c${rank + 1})`;
      item.append(`trial ${n}`);
    });
    let marked = null;
    const unmark = () => { marked?.classList.remove("hover"); marked = null; };
    onPointer(size.svg, (px, py, event) => {
      const found = nearest(places, px, py);
      unmark();
      if (!found) { hideTip(); return; }
      marked = drawn.get(found.n);
      marked.classList.add("hover");
      showTip(event, `step ${found.point[0]}: ${metric.value} ${format(found.point[1], 5)}\n${describe(found.n)}`);
    }, unmark);
    const coloured = top.length ? ` The best ${top.length} in colour.` : "";
    caption(`${shown.length < total ? `The best ${shown.length} of ${format(total)}` : `All ${total}`} trials.${coloured}`);
  });
  return redraw;
}

// ---------------------------------------------------------------- parallel coordinates

const THREADS = 400;

function parallelAxis(axis, values, from, to) {
  const known = values.filter((v) => v !== null);
  const numeric = known.every(isNumber);
  const inactive = values.some((v) => v === null);
  const floor = inactive ? from - 26 : from;
  let scale;
  const distinct = [...new Set(known)];
  if (numeric && (axis.log || distinct.length > 6)) {
    const [low, high] = [Math.min(...known), Math.max(...known)];
    scale = axis.log && low > 0 ? logarithmic(low, high, floor, to) : linear(low, high, floor, to);
  } else {
    distinct.sort(numeric ? (a, b) => a - b : undefined);
    const room = (floor - to) / Math.max(1, distinct.length);
    const place = new Map(distinct.map((v, i) => [v, floor - room * (i + 0.5)]));
    const label = (v) => clip(format(v).replaceAll(", ", ","), 18);
    scale = Object.assign((v) => place.get(v), { ticks: distinct, label, room });
  }
  // trials of one category lie side by side, the better ones higher, instead of on one line
  const spread = (scale.room ?? 0) * 0.5;
  const at = (v, share) => (v === null ? from - 6 * share : scale(v) - spread * (share - 0.5));
  return { ...axis, scale, inactive, at };
}

function unvaried(varied) {
  const names = new Set(varied.map((axis) => axis.name));
  return data.params.map((param) => param.name).filter((name) => !names.has(name)).join(", ");
}

function parallel() {
  const complete = data.rows.filter((r) => r[1] === "complete" && isNumber(r[2]));
  complete.sort((a, b) => (better(a[2], b[2]) ? -1 : better(b[2], a[2]) ? 1 : a[0] - b[0]));
  const stride = Math.max(1, Math.ceil(complete.length / THREADS));
  const rows = complete.filter((_, i) => i % stride === 0);
  const varied = data.params.map((param, i) => ({ ...param, i }))
    .filter(({ i }) => new Set(rows.map((r) => JSON.stringify(r[3][i]))).size > 1);
  if (rows.length < 2 || !varied.length) {
    return figure("parallel", ({ host }) => empty(host, "Needs two complete trials with different parameters."));
  }
  const tools = document.querySelector("#parallel .tools");
  const legend = element(tools, "span", { class: "legend" }, "worse");
  element(legend, "i", { class: "ramp" });
  legend.append("better");
  return figure("parallel", ({ host, caption }) => {
    const size = canvas(host, 340, `Parameters and ${data.metric} of ${rows.length} trials`, 110 * (varied.length + 1));
    const [top, bottom] = [40, size.height - 16];
    const drawn = varied.map((axis) => parallelAxis(axis, rows.map((r) => r[3][axis.i]), bottom, top));
    const y = objectiveScale(rows.map((r) => r[2]), bottom, top, better);
    drawn.push({ name: data.metric, scale: y, at: (v) => clamp(y, v), objective: true });
    const x = (i) => 30 + i * (size.width - 105) / (drawn.length - 1);
    const threads = rows.map((row, rank) => {
      const share = 1 - rank / (rows.length - 1);
      const value = (axis) => (axis.objective ? row[2] : row[3][axis.i]);
      return { row, rank, share, line: drawn.map((axis, i) => [x(i), axis.at(value(axis), share)]) };
    });
    for (const thread of [...threads].reverse()) {
      const first = thread.rank === 0 ? " first" : "";
      const node = element(size.svg, "path", { class: `thread${first}`, d: path(thread.line) });
      const mix = `color-mix(in oklab, var(--good) ${Math.round(100 * thread.share)}%, var(--poor))`;
      node.style.stroke = thread.rank === 0 ? "var(--mark)" : mix;
      thread.node = node;
    }
    drawn.forEach((axis, i) => drawParallelAxis(size.svg, axis, x(i), top, bottom, i));
    let marked = null;
    const unmark = () => { marked?.classList.remove("hover"); marked = null; };
    onPointer(size.svg, (px, py, event) => {
      unmark();
      const found = nearestThread(threads, px, py);
      if (!found) { hideTip(); return; }
      marked = found.node;
      marked.classList.add("hover");
      showTip(event, describe(found.row[0]));
    }, unmark);
    const of = `${data.rows_note ? "the best " : ""}${format(complete.length)} complete trials`;
    const which = rows.length < complete.length ? `${rows.length} of ${of}, evenly spaced by rank.` : `All ${of}.`;
    const fixed = data.params.length > varied.length;
    const left = fixed ? ` Left out, as it did not vary: ${unvaried(varied)}.` : "";
    caption(`${which} The best is in orange.${left}`);
  });
}

function drawParallelAxis(svg, axis, x, top, bottom, index) {
  const group = element(svg, "g", { class: "axis" });
  element(group, "line", { class: "rule", x1: x, x2: x, y1: top, y2: bottom });
  const anchor = index === 0 ? "start" : "middle";
  const title = element(svg, "text", { x: index === 0 ? x - 24 : x, y: 16, "text-anchor": anchor }, clip(axis.name, 18));
  element(title, "title", {}, axis.name);
  if (axis.log) element(group, "text", { x: index === 0 ? x - 24 : x, y: 30, "text-anchor": anchor }, "log");
  for (const tick of axis.scale.ticks) {
    element(group, "text", { class: "halo", x: x + 6, y: axis.scale(tick) + 4 }, axis.scale.label(tick));
  }
  if (axis.inactive) element(group, "text", { class: "halo", x: x + 6, y: bottom + 4 }, "inactive");
}

function nearestThread(threads, px, py) {
  let [found, least] = [null, 14];
  for (const thread of threads) {
    const i = thread.line.findIndex(([x]) => x >= px);
    if (i < 1) continue;
    const [[x1, y1], [x2, y2]] = [thread.line[i - 1], thread.line[i]];
    const distance = Math.abs(y1 + (y2 - y1) * (px - x1) / (x2 - x1) - py);
    if (distance < least) [found, least] = [thread, distance];
  }
  return found;
}

// ---------------------------------------------------------------- importance

function importanceBars() {
  const { shares, note, explained, trials } = data.importance;
  return figure("importance", ({ host, caption }) => {
    if (!shares.length) { empty(host, `Not shown: ${note}.`); return; }
    const [row, label] = [26, Math.min(150, host.clientWidth * 0.35)];
    const size = canvas(host, shares.length * row + 6, "Importance of each parameter");
    const x = linear(0, shares[0][1], 0, size.width - label - 56);
    shares.forEach(([name, share], i) => {
      const y = i * row + 3;
      const text = element(size.svg, "text", { x: label - 8, y: y + 14, "text-anchor": "end" }, clip(name, 20));
      element(text, "title", {}, name);
      element(size.svg, "rect", { class: "bar", x: label, y, width: Math.max(1, x(share)), height: row - 8, rx: 2 });
      element(size.svg, "text", { x: label + x(share) + 7, y: y + 14 }, `${format(share * 100, 2)} %`);
    });
    const trust = explained < 0.3 ? ", which is little: take it as a hint" : "";
    caption(`Share of the growth in error when a parameter is shuffled; random forest on the ranks of ${format(trials)} trials, explaining ${Math.round(explained * 100)} % on held-out ones${trust}.`);
  });
}

// ---------------------------------------------------------------- timeline

function timeline() {
  const lanes = data.lanes;
  if (!lanes.length) return null; // then there is no figure
  return figure("timeline", ({ host, caption, tools }) => {
    const rows = [...new Set(lanes.map((l) => `${l[0]} ${l[1]}`))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const height = Math.max(3, Math.min(18, 260 / rows.length));
    const size = canvas(host, rows.length * height + FRAME.bottom + 4, `${lanes.length} trials on ${rows.length} slots`);
    const last = Math.max(...lanes.map((l) => l[3]));
    const x = timeScale(last, 8, size.width - FRAME.right);
    const floor = rows.length * height + 2;
    const group = element(size.svg, "g", { class: "axis" });
    element(group, "line", { class: "rule", x1: 8, x2: size.width - FRAME.right, y1: floor, y2: floor });
    for (const tick of x.ticks) element(group, "text", { x: x(tick), y: floor + 16, "text-anchor": "middle" }, x.label(tick));
    element(size.svg, "text", { class: "axis-label", x: size.width / 2, y: floor + 34, "text-anchor": "middle" }, `time since the beginning (${x.unit})`);
    for (const [node, lane, start, end, number, state] of lanes) {
      const width = Math.max(0.7, x(end) - x(start) - 0.6);
      const y = rows.indexOf(`${node} ${lane}`) * height;
      const bar = element(size.svg, "rect", { x: x(start), y, width, height: Math.max(2, height - 2), rx: Math.min(2, width / 2) });
      bar.style.fill = `var(--${state})`;
      bar.addEventListener("pointermove", (event) => showTip(event, `${describe(number)}\n${node}, ${seconds(end - start)}`));
      bar.addEventListener("pointerleave", hideTip);
    }
    const nodes = new Set(lanes.map((l) => l[0]));
    tools.replaceChildren();
    for (const state of new Set(lanes.map((l) => l[5]))) {
      const item = element(tools, "span", { class: "legend" });
      element(item, "i").style.background = `var(--${state})`;
      item.append(state);
    }
    caption(`The last attempt of each trial, on ${rows.length} slot${rows.length > 1 ? "s" : ""}; ${nodes.size === 1 ? "one node" : `${nodes.size} nodes`}.`);
  });
}

bestSoFar();
learningCurves();
parallel();
importanceBars();
timeline();
