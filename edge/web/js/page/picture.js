// Small images, shown large, with tinted squares.

import { el } from "./elements.js";

/** Images whose brightest value is below this are shown brighter: some sets count from 0 to 16. */
const DIM = 64;

/**
 * Return a canvas that shows pixels, and lays a tint on some squares.
 *
 * @param {import("../raws.js").Numeric} raw of the input's size.
 * @param {Pick<import("../image.js").ImageInput, "size" | "mean">} input
 * @param {{place: import("../explain.js").Place, share: number}[]} weights shares from -1 to 1.
 * @param {string} label
 */
export function drawPixels({ data }, { size, mean }, weights, label) {
  const side = Math.max(1, Math.floor(280 / Math.max(size.rows, size.columns)));
  const canvas = el("canvas", {
    width: size.columns * side,
    height: size.rows * side,
    class: "pixels",
    role: "img",
    "aria-label": label,
  });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  let brightest = 0;
  for (const value of data) brightest = Math.max(brightest, value);
  const light = brightest && brightest < DIM ? 255 / brightest : 1;
  for (let row = 0; row < size.rows; row++) {
    for (let column = 0; column < size.columns; column++) {
      const place = (row * size.columns + column) * mean.length;
      const [red, green, blue] = mean.length === 1 ? Array(3).fill(data[place]) : data.slice(place, place + 3);
      context.fillStyle = `rgb(${red * light} ${green * light} ${blue * light})`;
      context.fillRect(column * side, row * side, side, side);
    }
  }
  for (const { place, share } of weights) {
    context.fillStyle = tint(share);
    context.fillRect(
      (place.column ?? 0) * side,
      (place.row ?? 0) * side,
      (place.width ?? 0) * side,
      (place.height ?? 0) * side,
    );
  }
  return canvas;
}

/**
 * Return the colour of a weight: blue spoke for the answer, orange against it.
 *
 * @param {number} share from -1 to 1.
 */
export function tint(share) {
  const strength = Math.min(0.75, Math.abs(share) * 0.75).toFixed(3);
  return share >= 0 ? `rgb(64 110 255 / ${strength})` : `rgb(240 130 30 / ${strength})`;
}
