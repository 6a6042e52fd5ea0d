// A study: counts, best trainings, all tasks, as they change.
const at = (id) => document.getElementById(id);
const number = (value, digits) => (value === null || value === undefined ? "" : value.toFixed(digits));
const COLUMNS = [
  ["", null],
  ["Task", (run) => run.name],
  ["Stage", (run) => run.stage],
  ["Dataset", (run) => run.dataset],
  ["GAN", (run) => run.gan ?? ""],
  ["State", (run) => run.state],
  ["kimg", (run) => run.kimg, 1],
  ["Distance", (run) => run.distance, 3],
  ["Time", (run) => run.wall_secs],
  ["Settings", (run) => run.what],
];
const ORDER = ["running", "to_do", "later", "finished", "diverged", "failed", "blocked", "cancelled", "withheld"];
let overview = null;
let sorted = { column: null, down: false };
const picked = new Set();

function duration(secs) {
  if (secs === null || secs === undefined) return "";
  if (secs < 120) return `${secs.toFixed(0)} s`;
  if (secs < 7200) return `${(secs / 60).toFixed(0)} min`;
  return secs < 172800 ? `${(secs / 3600).toFixed(1)} h` : `${(secs / 86400).toFixed(1)} days`;
}

// Settings as a search chose them have all the digits of a number; here four are enough.
const short = (what) => what.replace(/\d+\.\d{5,}(e-?\d+)?/g, (digits) => String(Number(Number(digits).toPrecision(4))));

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function link(name, text) {
  const made = element("a", text);
  made.href = `/study/run#${name}`;
  return made;
}

function head() {
  const row = at("tasks").tHead.rows[0];
  for (const [i, [title, value]] of COLUMNS.entries()) {
    const cell = element("th");
    cell.scope = "col";
    if (value) {
      const button = element("button", title);
      button.type = "button";
      button.addEventListener("click", () => {
        sorted = { column: i, down: sorted.column === i && !sorted.down };
        tasks();
      });
      cell.append(button);
    } else {
      cell.append(element("span", "Pick"));
    }
    row.append(cell);
  }
}

function options(id, values) {
  const known = new Set([...at(id).options].map((option) => option.value));
  for (const value of values) {
    if (!known.has(value)) {
      const option = element("option", value.replace("_", " "));
      option.value = value;
      at(id).append(option);
    }
  }
}

function tasks() {
  const wanted = { state: at("state").value, stage: at("stage").value, gan: at("gan").value };
  const text = at("text").value.toLowerCase();
  let runs = overview.runs.filter((run) =>
    Object.entries(wanted).every(([key, value]) => !value || (run[key] ?? "") === value) &&
    (!text || `${run.name} ${run.dataset} ${run.gan} ${run.what}`.toLowerCase().includes(text)));
  if (sorted.column !== null) {
    const value = COLUMNS[sorted.column][1];
    const order = (a, b) => (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
    // What has no value stands last either way.
    const none = (v) => v === null || v === undefined || v === "";
    runs = [...runs].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (none(x) || none(y)) return none(x) - none(y);
      return sorted.down ? order(y, x) : order(x, y);
    });
  }
  for (const [i, cell] of [...at("tasks").tHead.rows[0].cells].entries()) {
    const state = sorted.column === i ? (sorted.down ? "descending" : "ascending") : "none";
    if (COLUMNS[i][1]) cell.setAttribute("aria-sort", state);
  }
  at("tasks").tBodies[0].replaceChildren(...runs.map((run) => {
    const row = element("tr");
    const box = element("input");
    box.type = "checkbox";
    box.checked = picked.has(run.name);
    box.setAttribute("aria-label", `Pick ${run.name} for a comparison`);
    box.addEventListener("change", () => {
      if (box.checked) picked.add(run.name);
      else picked.delete(run.name);
      at("compare").disabled = picked.size !== 2;
    });
    const first = row.insertCell();
    first.append(box);
    row.insertCell().append(link(run.name, run.name.replace(/-([0-9a-f]{6})[0-9a-f]*$/, " $1")));
    for (const text of [run.stage, run.dataset, run.gan ?? ""]) row.insertCell().textContent = text;
    row.insertCell().append(element("span", run.state.replace("_", " "), `pill ${run.state}`));
    for (const text of [number(run.kimg, 1), number(run.distance, 3), duration(run.wall_secs)]) {
      const cell = row.insertCell();
      cell.className = "number";
      cell.textContent = text;
    }
    row.append(element("td", short(run.what), "what"));
    return row;
  }));
}

function show() {
  at("study").textContent = overview.study ? `Study ${overview.study}` : "Study";
  document.title = at("study").textContent;
  const left = !overview.secs_left ? "" : ` About ${duration(overview.secs_left)} left, one task after the other.`;
  at("live").textContent = overview.error ?? `Live; last change ${new Date().toLocaleTimeString("en-GB")}.${left}`;
  at("counts").replaceChildren(...ORDER.filter((state) => overview.counts[state]).map((state) => {
    const item = element("li");
    item.append(element("b", overview.counts[state]), state.replace("_", " "));
    return item;
  }));
  at("best").replaceChildren(...overview.best.map((best) => {
    const row = element("tr");
    row.insertCell().textContent = best.dataset;
    row.insertCell().append(link(best.name, best.gan));
    row.append(element("td", `${best.distance.toFixed(4)}${best.last_word ? "" : " so far"}`, "number"), element("td", short(best.what), "what"));
    return row;
  }));
  options("state", [...new Set(overview.runs.map((run) => run.state))]);
  options("stage", [...new Set(overview.runs.map((run) => run.stage))]);
  options("gan", [...new Set(overview.runs.map((run) => run.gan ?? "").filter(Boolean))]);
  tasks();
}

async function look() {
  const response = await fetch("/study/data/overview").catch(() => null);
  if (!response?.ok) return;
  overview = await response.json();
  show();
}

head();
for (const id of ["state", "stage", "gan", "text"]) at(id).addEventListener("input", () => overview && tasks());
at("compare").addEventListener("click", () => {
  location.href = `/study/compare#${[...picked].join(",")}`;
});
const events = new EventSource("/study/events");
events.addEventListener("message", look);
events.addEventListener("error", () => {
  at("live").textContent = "No connection. Trying again…";
});
look();
