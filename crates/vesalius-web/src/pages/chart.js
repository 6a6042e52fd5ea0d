// Lines over kimg as SVG: axes with round numbers, a mark and a name per line.
const NAMESPACE = "http://www.w3.org/2000/svg";
const COLOURS = ["#0072b2", "#b34d00"];
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [560, 250, 58, 12, 26, 34];

function shape(tag, attributes, text) {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// About five round numbers that cover a range.
function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let k = Math.floor(low / step); k * step < high + step * 0.999; k++) found.push(Number((k * step).toPrecision(10)));
  return found.length > 1 ? found : [found[0], found[0] + step];
}

// `lines`: { name, points: [[kimg, value]] }.
export function chart(title, lines) {
  const all = lines.flatMap((line) => line.points).filter((point) => point.every(Number.isFinite));
  const figure = document.createElement("figure");
  figure.className = "chart";
  const caption = document.createElement("figcaption");
  if (all.length === 0) {
    caption.textContent = `${title}: nothing yet`;
    figure.append(caption);
    return figure;
  }
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title} over kimg` });
  const xs = ticks(0, Math.max(...all.map((p) => p[0])));
  const ys = ticks(Math.min(...all.map((p) => p[1])), Math.max(...all.map((p) => p[1])));
  const x = (value) => LEFT + (value - xs[0]) / (xs.at(-1) - xs[0]) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value - ys[0]) / (ys.at(-1) - ys[0]) * (HEIGHT - TOP - BOTTOM);
  for (const tick of ys) {
    svg.append(shape("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick), stroke: "#ddd" }));
    svg.append(shape("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end", "font-size": 12, fill: "#444" }, tick));
  }
  for (const tick of xs) {
    svg.append(shape("text", { x: x(tick), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle", "font-size": 12, fill: "#444" }, tick));
  }
  svg.append(shape("text", { x: WIDTH - RIGHT, y: HEIGHT - 4, "text-anchor": "end", "font-size": 12, fill: "#444" }, "kimg"));
  for (const [i, line] of lines.entries()) {
    const points = line.points.filter((point) => point.every(Number.isFinite));
    const path = points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" ");
    const colour = COLOURS[i % COLOURS.length];
    svg.append(shape("polyline", { points: path, fill: "none", stroke: colour, "stroke-width": 1.8, "stroke-dasharray": i === 0 ? "none" : "6 3" }));
    if (points.length < 25) {
      for (const [a, b] of points) svg.append(shape("circle", { cx: x(a), cy: y(b), r: 3, fill: colour }));
    }
    svg.append(shape("text", { x: LEFT + i * 150, y: 16, "font-size": 13, fill: colour }, `${i === 0 ? "—" : "- -"} ${line.name}`));
  }
  caption.textContent = title;
  figure.append(caption, svg);
  return figure;
}
