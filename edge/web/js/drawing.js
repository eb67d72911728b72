// From a drawing to the pixels of an input: framed as the golden examples are.
//
// A drawing is as large as a finger draws it; training images have their ink in one place, in one size, bright on dark
// or dark on bright. How, the golden examples tell.

/**
 * How the examples stand in their frames, in pixels of the input.
 *
 * @typedef {object} Framing
 * @property {number} background value of what is not ink.
 * @property {number} pen value of what is.
 * @property {number} side the larger side of the ink's box.
 * @property {number} row of the box's centre.
 * @property {number} column of the box's centre.
 */

/** @typedef {{top: number, left: number, bottom: number, right: number}} Box what it holds ends before bottom and right. */

/** Points along a side that each pixel is the mean of. */
const FINE = 6;

/**
 * Return how some grey images are framed.
 *
 * @param {{data: ArrayLike<number>}[]} images (H, W) each, from 0 to 255.
 * @param {import("./grid.js").Grid} size
 * @returns {Framing}
 */
export function framing(images, size) {
  const edges = images.flatMap(({ data }) => edge(data, size)).sort((one, other) => one - other);
  const background = edges[Math.floor(edges.length / 2)] ?? 0;
  const furthest = (/** @type {ArrayLike<number>} */ data) =>
    Array.from(data).reduce((most, value) =>
      Math.abs(value - background) > Math.abs(most - background) ? value : most,
    );
  const darkest = images.map(({ data }) => furthest(data)).sort((one, other) => one - other);
  const pen = darkest[Math.floor(darkest.length / 2)] ?? 255 - background;
  const inks = images.map(({ data }) =>
    Float32Array.from(data, (value) => (value - background) / (pen - background || 1)),
  );
  const boxes = inks.map((ink) => boxOf(ink, size, 0.15)).filter((box) => box !== null);
  if (!boxes.length) return { background, pen, side: size.rows, row: size.rows / 2, column: size.columns / 2 };
  const mean = (/** @type {(box: Box) => number} */ of) => boxes.reduce((sum, box) => sum + of(box), 0) / boxes.length;
  return {
    background,
    pen,
    side: mean((box) => Math.max(box.bottom - box.top, box.right - box.left)),
    row: mean((box) => (box.top + box.bottom) / 2),
    column: mean((box) => (box.left + box.right) / 2),
  };
}

/**
 * @param {ArrayLike<number>} data
 * @param {import("./grid.js").Grid} size
 */
function edge(data, { rows, columns }) {
  return Array.from(data).filter((_, place) => {
    const [row, column] = [Math.floor(place / columns), place % columns];
    return row === 0 || column === 0 || row === rows - 1 || column === columns - 1;
  });
}

/**
 * Return the box that holds all ink above a threshold; null where there is none.
 *
 * @param {Float32Array} ink (H, W) from 0 to 1.
 * @param {import("./grid.js").Grid} size
 * @param {number} threshold
 * @returns {Box | null}
 */
export function boxOf(ink, { rows, columns }, threshold) {
  const box = { top: rows, left: columns, bottom: 0, right: 0 };
  ink.forEach((value, place) => {
    if (value < threshold) return;
    const [row, column] = [Math.floor(place / columns), place % columns];
    box.top = Math.min(box.top, row);
    box.left = Math.min(box.left, column);
    box.bottom = Math.max(box.bottom, row + 1);
    box.right = Math.max(box.right, column + 1);
  });
  return box.bottom ? box : null;
}

/**
 * Return the pixels (H, W) of a drawing, scaled and moved as the examples are; null where nothing was drawn.
 *
 * @param {Float32Array} ink of the drawing, from 0 to 1.
 * @param {import("./grid.js").Grid} drawn its size.
 * @param {import("./grid.js").Grid} size of the input.
 * @param {Framing} frame
 * @returns {Uint8Array | null}
 */
export function framed(ink, drawn, size, frame) {
  const box = boxOf(ink, drawn, 0.3);
  if (!box) return null;
  const scale = Math.max(box.bottom - box.top, box.right - box.left) / frame.side;
  const [middle, centre] = [(box.top + box.bottom) / 2, (box.left + box.right) / 2];
  const at = (/** @type {number} */ y, /** @type {number} */ x) => {
    const row = Math.floor(middle + (y - frame.row) * scale);
    const column = Math.floor(centre + (x - frame.column) * scale);
    const inside = row >= 0 && row < drawn.rows && column >= 0 && column < drawn.columns;
    return inside ? ink[row * drawn.columns + column] : 0;
  };
  return Uint8Array.from({ length: size.rows * size.columns }, (_, place) => {
    let sum = 0;
    for (let point = 0; point < FINE * FINE; point++) {
      const y = Math.floor(place / size.columns) + (Math.floor(point / FINE) + 0.5) / FINE;
      sum += at(y, (place % size.columns) + ((point % FINE) + 0.5) / FINE);
    }
    return Math.round(frame.background + (frame.pen - frame.background) * (sum / FINE ** 2));
  });
}
