// A reading: images one by one, each answer saved before the next image comes.
import { Viewer, decode } from "/assets/viewer.js";

const at = (id) => document.getElementById(id);
const viewer = new Viewer(at("image"));
const verdicts = [...document.querySelectorAll("[data-verdict]")];
const confidences = [...document.querySelectorAll("[data-confidence]")];

let session = null;
let place = 0;
let choice = { verdict: null, confidence: null };
let ready = false; // the image is in sight: before that no answer counts
let saving = false;
let seenSince = null;
let seenMs = 0;
const fetched = new Map();

const TRYING = "No connection. Trying again…";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function show(section) {
  for (const id of ["reading", "pause", "end", "done", "trouble"]) at(id).hidden = id !== section;
  clock();
}

// Counts the time while the image is in sight: not in a hidden tab, not in a pause.
function clock() {
  const now = performance.now();
  if (seenSince !== null) seenMs += now - seenSince;
  const counts = ready && document.visibilityState === "visible" && !at("reading").hidden;
  seenSince = counts ? now : null;
}
document.addEventListener("visibilitychange", clock);

// Asks until there is an answer: a lost connection or a restarted server is waited for.
async function ask(address, options, waiting) {
  for (let pause = 250; ; pause = Math.min(5000, pause * 2)) {
    try {
      const response = await fetch(address, { ...options, signal: AbortSignal.timeout(15000) });
      if (response.status < 500 && response.status !== 408 && response.status !== 429) return response;
    } catch {
      // No connection: below.
    }
    waiting();
    await sleep(pause);
  }
}

function trouble(text) {
  at("trouble-title").textContent = "This cannot go on";
  at("trouble-text").textContent = text;
  show("trouble");
}

function fetchPicture(index) {
  const name = session.items[index].name;
  if (!fetched.has(name)) {
    const get = async (kind) => {
      const response = await ask(`/read/${kind}/${name}`, {}, () => {
        if (index === place) at("status").textContent = TRYING;
      });
      if (!response.ok) throw new Error(await response.text());
      return decode(await response.blob());
    };
    fetched.set(name, Promise.all([get("image"), session.overlay ? get("mask") : null]));
    // The one before, this one, the next: enough to go back and forth.
    for (const key of [...fetched.keys()].slice(0, -4)) fetched.delete(key);
  }
  return fetched.get(name);
}

const answered = () => session.items.filter((item) => item.answer).length;
const firstOpen = () => session.items.findIndex((item) => !item.answer);

function mark() {
  for (const button of verdicts) button.setAttribute("aria-pressed", button.dataset.verdict === choice.verdict);
  for (const button of confidences) button.setAttribute("aria-pressed", Number(button.dataset.confidence) === choice.confidence);
  const total = session.items.length;
  at("count").textContent = `Image ${place + 1} of ${total}`;
  at("progress").max = total;
  at("progress").value = answered();
  const open = firstOpen();
  disable(at("previous"), place === 0);
  disable(at("next"), place === total - 1 || (open !== -1 && place >= open));
  at("to-end").hidden = open !== -1;
}

// Stays in the order of focus, so that the place of the keyboard is not lost.
function disable(button, yes) {
  button.setAttribute("aria-disabled", yes);
}

async function go(index) {
  place = index;
  ready = false;
  clock();
  seenMs = 0;
  const { answer } = session.items[place];
  choice = answer ? { verdict: answer.verdict, confidence: answer.confidence } : { verdict: null, confidence: null };
  at("mask").setAttribute("aria-pressed", false);
  viewer.clear();
  at("image").dataset.ready = "";
  show("reading");
  mark();
  at("image").setAttribute("aria-label", `Image ${place + 1} of ${session.items.length}`);
  let pictures;
  try {
    pictures = await fetchPicture(index);
  } catch (error) {
    trouble(error.message);
    return;
  }
  if (index !== place) return;
  viewer.show(...pictures, session.planes);
  ready = true;
  clock();
  performance.mark("image in sight");
  at("image").dataset.ready = place + 1;
  if (at("status").textContent === TRYING) at("status").textContent = "";
  if (place + 1 < session.items.length) fetchPicture(place + 1).catch(() => {});
}

async function save() {
  if (saving || !ready || !choice.verdict || !choice.confidence) return;
  const item = session.items[place];
  if (item.answer && item.answer.verdict === choice.verdict && item.answer.confidence === choice.confidence) return;
  saving = true;
  clock();
  const isNew = !item.answer;
  const body = JSON.stringify({
    image: item.name,
    revision: item.answer ? item.answer.revision : 0,
    verdict: choice.verdict,
    confidence: choice.confidence,
    viewed_ms: Math.round(seenMs),
  });
  const number = place + 1;
  const options = { method: "POST", headers: { "content-type": "application/json" }, body };
  const response = await ask("/read/answer", options, () => {
    at("status").textContent = "Not saved yet: no connection. Trying again…";
  });
  saving = false;
  if (response.status === 409) {
    const { submitted, stored } = await response.json();
    if (submitted) {
      show("done");
      return;
    }
    item.answer = stored;
    at("status").textContent = "Changed in another window. This is what is saved.";
    go(place);
    return;
  }
  if (!response.ok) {
    trouble(await response.text());
    return;
  }
  item.answer = (await response.json()).saved;
  at("status").textContent = `Image ${number} saved.`;
  if (!isNew) {
    mark();
    return;
  }
  const count = answered();
  if (count === session.items.length) {
    end();
  } else if (count % session.pause_every === 0) {
    at("pause-text").textContent = `${count} of ${session.items.length} images have an answer.`;
    mark();
    show("pause");
    at("continue").focus();
  } else {
    go(firstOpen());
  }
}

function end() {
  mark();
  show("end");
  at("submit").focus();
}

function choose(what) {
  if (!ready || saving || at("reading").hidden) return;
  choice = { ...choice, ...what };
  mark();
  if (!choice.verdict || !choice.confidence) at("status").textContent = choice.verdict ? "How sure are you?" : "Real or synthetic?";
  save();
}

function step(by) {
  const button = by < 0 ? at("previous") : at("next");
  if (!saving && !at("reading").hidden && button.getAttribute("aria-disabled") !== "true") go(place + by);
}

function toggleMask() {
  if (session.overlay) at("mask").setAttribute("aria-pressed", viewer.toggleMask());
}

viewer.onplane = (plane) => {
  at("plane").value = plane + 1;
  at("plane-number").textContent = `${plane + 1} of ${session.planes}`;
  at("image").dataset.plane = plane + 1;
};
at("plane").addEventListener("input", () => viewer.goTo(Number(at("plane").value) - 1));

for (const button of verdicts) button.addEventListener("click", () => choose({ verdict: button.dataset.verdict }));
for (const button of confidences) button.addEventListener("click", () => choose({ confidence: Number(button.dataset.confidence) }));
at("zoom-in").addEventListener("click", () => viewer.zoom(1.25));
at("zoom-out").addEventListener("click", () => viewer.zoom(0.8));
at("reset").addEventListener("click", () => viewer.reset());
at("mask").addEventListener("click", toggleMask);
at("previous").addEventListener("click", () => step(-1));
at("next").addEventListener("click", () => step(1));
at("to-end").addEventListener("click", end);
at("continue").addEventListener("click", () => go(firstOpen()));
at("again").addEventListener("click", () => go(0));
at("submit").addEventListener("click", async () => {
  const response = await ask("/read/submit", { method: "POST" }, () => {
    at("end-status").textContent = "Not submitted yet: no connection. Trying again…";
  });
  const { submitted, missing } = response.headers.get("content-type")?.includes("json") ? await response.json() : {};
  if (submitted) show("done");
  else if (missing) await start();
  else trouble(await response.text());
});

const KEYS = {
  r: () => choose({ verdict: "real" }),
  s: () => choose({ verdict: "synthetic" }),
  m: toggleMask,
  arrowleft: () => step(-1),
  arrowright: () => step(1),
  arrowup: (event) => (event.shiftKey ? viewer.adjust(-8, 0) : viewer.adjust(0, 4)),
  arrowdown: (event) => (event.shiftKey ? viewer.adjust(8, 0) : viewer.adjust(0, -4)),
  pageup: () => viewer.goTo(viewer.plane - 1),
  pagedown: () => viewer.goTo(viewer.plane + 1),
  "+": () => viewer.zoom(1.25),
  "=": () => viewer.zoom(1.25),
  "-": () => viewer.zoom(0.8),
  0: () => viewer.reset(),
};
document.addEventListener("keydown", (event) => {
  if (!session || at("reading").hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat && /^[a-z1-5]$/.test(event.key)) return;
  const key = event.key.toLowerCase();
  // The slider has arrows of its own.
  if (event.target === at("plane") && key.startsWith("arrow")) return;
  if (/^[1-5]$/.test(key)) choose({ confidence: Number(key) });
  else if (KEYS[key]) KEYS[key](event);
  else return;
  event.preventDefault();
});

async function start() {
  const response = await ask("/read/session", {}, () => {
    at("trouble-text").textContent = "Trying again…";
    show("trouble");
  });
  if (!response.ok) {
    trouble("This link is not known here. Please open the link that you were given.");
    return;
  }
  session = await response.json();
  at("mask").hidden = !session.overlay;
  at("planes").hidden = session.planes === 1;
  at("plane").max = session.planes;
  if (session.submitted) {
    mark();
    show("done");
  } else if (firstOpen() === -1) {
    end();
  } else {
    await go(firstOpen());
  }
}

start();
