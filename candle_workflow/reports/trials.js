// ---------------------------------------------------------------- the table of trials

const PAGE = 50;

function trialTable() {
  const root = document.getElementById("trials");
  const labelled = data.rows.some((r) => r[10]);
  const failed = data.rows.some((r) => r[8]);
  const metrics = data.metrics.map((name, i) => ({ name, of: (r) => r[4][i] }));
  const columns = [
    { name: "trial", of: (r) => r[0], show: String },
    ...(labelled ? [{ name: "label", of: (r) => r[10] }] : []),
    { name: "state", of: (r) => r[1] },
    { name: data.metric, of: (r) => r[2], objective: true },
    ...data.params.map((param, i) => ({ name: param.name, of: (r) => r[3][i] })),
    ...metrics.filter((m) => m.name !== data.metric),
    { name: "duration", of: (r) => r[5], show: seconds },
    { name: "attempts", of: (r) => r[6] },
    { name: "node", of: (r) => r[7] },
    ...(failed ? [{ name: "cause", of: (r) => r[8] }, { name: "message", of: (r) => r[9] }] : []),
  ];
  for (const column of columns) column.number = data.rows.every((r) => column.of(r) === null || typeof column.of(r) === "number");
  const texts = new Map(data.rows.map((r) => [r, columns.map((c) => String(c.of(r) ?? "")).join("\n").toLowerCase()]));

  let sort = columns.find((c) => c.objective);
  let ascending = data.mode !== "max";
  let limit = PAGE;

  const tools = root.querySelector(".tools");
  const filter = element(tools, "input", { type: "search", placeholder: "Filter: text, dropout<0.3", "aria-label": "Filter the trials" });
  const states = [...new Set(data.rows.map((r) => r[1]))].sort();
  const state = choice(tools, "state", [["", "all"], ...states.map((s) => [s, s])], () => draw());
  const count = element(tools, "span", { class: "quiet", role: "status" });
  filter.addEventListener("input", () => draw());

  const table = element(root.querySelector(".scroll"), "table", { class: "grid" });
  const head = element(element(table, "thead"), "tr");
  const body = element(table, "tbody");
  const more = element(root, "button", { type: "button" }, "Show all");
  more.addEventListener("click", () => { limit = Infinity; draw(); });

  for (const column of columns) {
    column.cell = element(head, "th", { scope: "col", class: column.number ? "number" : "" });
    const button = element(column.cell, "button", { type: "button" }, column.name);
    column.arrow = element(button, "span", { "aria-hidden": "true" });
    button.addEventListener("click", () => {
      ascending = sort === column ? !ascending : true;
      sort = column;
      draw();
    });
  }

  function compare(a, b) {
    const [x, y] = [sort.of(a), sort.of(b)];
    if (x === y || (x === null && y === null)) return a[0] - b[0];
    if (x === null || x === "") return 1; // what is absent comes last, whichever way
    if (y === null || y === "") return -1;
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return ascending ? order : -order;
  }

  // A word is looked for anywhere; a condition on a column compares its values.
  function test(word) {
    const [, name, sign, wanted] = word.match(/^(.+?)(<=|>=|=|<|>)(.+)$/) ?? [];
    const column = columns.find((c) => c.name.toLowerCase() === name);
    if (!column) return (r) => texts.get(r).includes(word);
    if (sign === "=") return (r) => String(column.of(r)).toLowerCase() === wanted || column.of(r) === Number(wanted);
    const bound = Number(wanted);
    const holds = { "<": (v) => v < bound, "<=": (v) => v <= bound, ">": (v) => v > bound, ">=": (v) => v >= bound }[sign];
    return (r) => isNumber(column.of(r)) && holds(column.of(r));
  }

  function draw() {
    const tests = filter.value.toLowerCase().split(/\s+/).filter(Boolean).map(test);
    const rows = data.rows
      .filter((r) => (!state.value || r[1] === state.value) && tests.every((holds) => holds(r)))
      .sort(compare);
    for (const column of columns) {
      column.arrow.textContent = column === sort ? (ascending ? " ↑" : " ↓") : "";
      column.cell.setAttribute("aria-sort", column === sort ? (ascending ? "ascending" : "descending") : "none");
    }
    body.replaceChildren();
    for (const r of rows.slice(0, limit)) {
      const line = element(body, "tr");
      for (const column of columns) {
        const value = column.of(r);
        const absent = value === null || value === "";
        const text = absent && !column.number ? "" : (column.show ?? format)(value);
        const cell = element(line, "td", { class: column.number ? "number" : "text" }, text);
        if (!column.number && text.length > 24) cell.title = text;
        if (column.name === "state" && value === "failed") cell.classList.add("failed");
      }
    }
    count.textContent = `${format(rows.length)} trial${rows.length === 1 ? "" : "s"}`;
    more.hidden = rows.length <= limit;
    more.textContent = `Show all ${format(rows.length)}`;
  }

  draw();
}

trialTable();
