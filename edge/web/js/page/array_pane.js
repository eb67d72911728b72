// The pane of an array: where it has the shape of an image, drawn or chosen; else numbers as nested lists.

import { product } from "../levels.js";
import { imagePane } from "./image_pane.js";
import { valuesPane } from "./values_pane.js";

/**
 * @param {string} name
 * @param {import("../array.js").ArrayInput} input
 * @param {import("../raws.js").Numeric[]} examples
 * @param {() => void} changed
 * @returns {import("./panes.js").Pane}
 */
export function arrayPane(name, input, examples, changed) {
  const axes = axesOf(input.shape);
  const pixels = examples.length > 0 && examples.every(({ data }) => data instanceof Uint8Array);
  if (!axes || !pixels) return valuesPane(name, input, changed);
  const [rows, columns, channels] = axes.map((axis) => input.shape[axis] ?? 1);
  const size = { rows, columns };
  const read = { size, mean: Array(channels).fill(0), resize: /** @type {const} */ ("none") };
  const order = input.shape.length === 3 && axes[2] === 0 ? turned : undefined;
  const shown = examples.map((example) => ({
    data: order ? order(example.data, size, false) : example.data,
    shape: [product(input.shape)],
  }));
  const pane = imagePane(name, read, shown, changed);
  const raw = () => {
    const found = /** @type {import("../raws.js").Numeric | null} */ (pane.raw());
    return found && { data: order ? order(found.data, size, true) : found.data, shape: input.shape };
  };
  const show = (/** @type {unknown} */ example) => {
    const { data } = /** @type {import("../raws.js").Numeric} */ (example);
    pane.show({ data: order ? order(data, size, false) : data, shape: [data.length] });
  };
  return { ...pane, raw, show };
}

/** Return which axes are rows, columns and colours; null where a shape is not that of an image. @param {number[]} shape */
function axesOf(shape) {
  const colours = (/** @type {number} */ axis) => shape[axis] === 1 || shape[axis] === 3;
  if (shape.length === 2) return [0, 1, 2];
  if (shape.length !== 3) return null;
  return colours(2) ? [0, 1, 2] : colours(0) ? [1, 2, 0] : null;
}

/**
 * Bring the colours from the last axis to the first, or back.
 *
 * @param {import("../raws.js").Numbers} data
 * @param {import("../grid.js").Grid} size
 * @param {boolean} first
 */
function turned(data, { rows, columns }, first) {
  const [area, channels] = [rows * columns, data.length / (rows * columns)];
  return Uint8Array.from(data, (_, place) => {
    if (first) return data[(place % area) * channels + Math.floor(place / area)];
    return data[(place % channels) * area + Math.floor(place / channels)];
  });
}
