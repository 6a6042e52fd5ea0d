// One task, or two beside each other: curves, samples over the training, settings, what the worker says.
import { chart } from "/assets/chart.js";

const at = (id) => document.getElementById(id);
const names = decodeURIComponent(location.hash.slice(1)).split(",").filter(Boolean).slice(0, 2);
const chosen = new Map(); // place of the slider; absent: the newest

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function flat(value, path = "", into = new Map()) {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) flat(inner, path ? `${path}.${key}` : key, into);
  } else {
    into.set(path, JSON.stringify(value));
  }
  return into;
}

function samples(name, run) {
  const figure = element("figure");
  const count = run.previews.length;
  if (count === 0) {
    figure.append(element("figcaption", "Samples: none yet"));
    return figure;
  }
  const slider = element("input");
  Object.assign(slider, { type: "range", min: 0, max: count - 1, step: 1, value: Math.min(chosen.get(name) ?? count - 1, count - 1) });
  slider.setAttribute("aria-label", `Samples of ${name} over the training`);
  const picture = element("img", undefined, "samples");
  const caption = element("figcaption");
  const show = () => {
    const place = Number(slider.value);
    const text = `Samples after ${run.previews[place].toFixed(1)} kimg (${place + 1} of ${count})`;
    picture.src = `/study/data/preview/${name}/${place}`;
    picture.alt = text;
    caption.textContent = text;
    slider.setAttribute("aria-valuetext", text);
  };
  slider.addEventListener("input", () => {
    const place = Number(slider.value);
    if (place === count - 1) chosen.delete(name);
    else chosen.set(name, place);
    show();
  });
  show();
  figure.append(caption, picture, slider);
  return figure;
}

function settings(run, other) {
  const own = flat(run.spec);
  const theirs = other ? flat(other.spec) : own;
  const table = element("table", undefined, "data");
  const body = table.createTBody();
  const differs = (path) => own.get(path) !== theirs.get(path);
  const paths = [...new Set([...own.keys(), ...theirs.keys()])].sort((a, b) => differs(b) - differs(a) || a.localeCompare(b));
  for (const path of paths) {
    const row = body.insertRow();
    if (differs(path)) row.className = "differs";
    row.insertCell().textContent = path;
    row.insertCell().textContent = own.get(path) ?? "–";
  }
  const box = element("div", undefined, "scroll");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", `Settings of ${run.line.name}`);
  box.append(table);
  return box;
}

function details(name, summary, content, open) {
  const made = element("details");
  made.id = `${summary}-${name}`;
  made.open = document.getElementById(made.id)?.open ?? open;
  made.append(element("summary", summary), content);
  return made;
}

function section(run, other) {
  const { line } = run;
  const made = element("section");
  const state = element("p");
  state.append(element("span", line.state.replace("_", " "), `pill ${line.state}`),
    ` ${line.dataset} ${line.gan ?? ""} ${line.what} (attempts: ${run.attempts})`);
  made.append(element("h2", line.name), state);
  for (const failure of run.failures) made.append(element("p", `Failed: ${failure}`));
  if (line.stage === "train") {
    made.append(
      chart("Losses", Object.keys(run.stats[0]?.losses ?? {}).map((name) => (
        { name, points: run.stats.filter((p) => name in p.losses).map((p) => [p.kimg, p.losses[name]]) }))),
      chart("Fréchet distance", [{ name: "distance", points: run.stats.filter((p) => p.distance !== null).map((p) => [p.kimg, p.distance]) }]),
      samples(line.name, run),
    );
  }
  if (run.scores.length) {
    const list = element("ul");
    for (const score of run.scores) list.append(element("li", `${score.metric}${score.of ? ` (${score.of})` : ""}: ${score.value.toPrecision(4)}`));
    made.append(details(line.name, "Scores", list, true));
  }
  const log = element("pre", run.log.join("\n") || "nothing yet");
  log.tabIndex = 0;
  log.setAttribute("role", "region");
  log.setAttribute("aria-label", `What the worker of ${line.name} says`);
  made.append(details(line.name, "Log", log, true), details(line.name, "Settings", settings(run, other), other !== undefined));
  return made;
}

async function look() {
  const found = await Promise.all(names.map(async (name) => {
    const response = await fetch(`/study/data/run/${encodeURIComponent(name)}`).catch(() => null);
    return response?.ok ? response.json() : null;
  }));
  const missing = names.filter((_, i) => found[i] === null);
  at("live").textContent = missing.length ? `Not found: ${missing.join(", ")}` : `Live; last look ${new Date().toLocaleTimeString("en-GB")}.`;
  const runs = found.filter(Boolean);
  if (runs.length === 0 || document.activeElement?.type === "range") return;
  const sections = runs.map((run, i) => section(run, runs.length === 2 ? runs[1 - i] : undefined));
  at("runs").replaceChildren(...sections);
}

at("name").textContent = names.length === 2 ? "Two tasks" : "Task";
new EventSource("/study/events").addEventListener("message", look);
addEventListener("hashchange", () => location.reload());
look();
