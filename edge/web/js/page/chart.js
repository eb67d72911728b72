// A line over steps, with a band of what is likely around it.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, EDGE] = [560, 150, 6];

/**
 * Return a picture of a channel's forecast.
 *
 * @param {number[]} values of each step.
 * @param {number[][]} outer the lowest and the highest quantile of each step; empty where there is none.
 * @param {string} label
 */
export function lineChart(values, outer, label) {
  const all = [...values, ...outer.flat()];
  const [low, high] = all.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Infinity, -Infinity],
  );
  const x = (/** @type {number} */ step) => EDGE + (step / Math.max(1, values.length - 1)) * (WIDTH - 2 * EDGE);
  const y = (/** @type {number} */ value) => HEIGHT - EDGE - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * EDGE);
  const points = (/** @type {number[]} */ line) =>
    line.map((value, step) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
  const made = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": label });
  if (outer.length === 2) {
    const around = [...points(outer[0]), ...points(outer[1]).reverse()].join(" ");
    made.append(shape("polygon", { points: around, class: "band" }));
  }
  made.append(shape("polyline", { points: points(values).join(" "), class: "line" }));
  return made;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 */
function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
