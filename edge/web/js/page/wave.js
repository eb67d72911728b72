// The wave of a recording.

import { el } from "./elements.js";
import { tint } from "./picture.js";

const [WIDTH, HEIGHT] = [640, 120];

/**
 * Return a canvas that shows a recording, and lays a tint on some moments.
 *
 * @param {Float32Array} readings
 * @param {{place: import("../explain.js").Place, share: number}[]} weights shares from -1 to 1.
 * @param {string} label
 */
export function drawWave(readings, weights, label) {
  const canvas = el("canvas", { width: WIDTH, height: HEIGHT, class: "wave", role: "img", "aria-label": label });
  document.body.append(canvas); // so that it has the colours of the page
  const ink = getComputedStyle(canvas).color;
  canvas.remove();
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  for (const { place, share } of weights) {
    const [from, to] = [place.from ?? 0, place.to ?? 0].map((at) => (at / readings.length) * WIDTH);
    context.fillStyle = tint(share);
    context.fillRect(from, 0, to - from, HEIGHT);
  }
  const loudest = readings.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  context.fillStyle = ink;
  for (let x = 0; x < WIDTH; x++) {
    const [from, to] = [x, x + 1].map((place) => Math.floor((place * readings.length) / WIDTH));
    const stretch = readings.subarray(from, to + 1); // with the next one's first reading, so that the line has no gaps
    const high = stretch.reduce((most, value) => Math.max(most, value), -Infinity);
    const low = stretch.reduce((least, value) => Math.min(least, value), Infinity);
    const [top, bottom] = [high, low].map((value) => HEIGHT / 2 - (value / loudest) * (HEIGHT / 2 - 4));
    context.fillRect(x, top, 1, Math.max(1, bottom - top));
  }
  return canvas;
}
