// From an image to normalised pixels in nested tiles.
//
// Legend: H and W pixels, C channels, U units, S samples.

import { BundleError } from "./errors.js";
import { divide } from "./grid.js";
import { chains, product, readLevels } from "./levels.js";
import { RESIZES, pixelsOf } from "./pixels.js";

const LARGEST = 8192;

/**
 * The fitted numbers that turn an image into normalised pixels.
 *
 * @typedef {object} ImageInput
 * @property {"image"} kind
 * @property {2} axes
 * @property {Map<string, import("./levels.js").Window>} levels finest first; a unit has length x length samples.
 * @property {Map<string, number>} channels numbers of a sample, by level that reads a raw view.
 * @property {import("./grid.js").Grid} size in pixels.
 * @property {number[]} mean of each channel, where black is 0 and white is 1; one is grey, three are red, green, blue.
 * @property {number[]} std the same, standard deviation.
 * @property {import("./pixels.js").Resize} resize how an image of another size is brought to size.
 * @property {Map<string, import("./grid.js").Grid>} grids of units, by level.
 */

/**
 * Read and cut one image.
 *
 * @param {ImageInput} input
 * @param {unknown} raw
 * @returns {import("./views.js").Views}
 */
export function imageViews(input, raw) {
  const pixels = pixelsOf(raw, input);
  const samples = chains([...input.levels.values()]).map((chain) => (chain ? cut(pixels, input, chain) : null));
  const lengths = [...input.levels].map(([name, window]) => {
    const { rows, columns } = /** @type {import("./grid.js").Grid} */ (input.grids.get(name));
    return Array(rows * columns).fill(window.length ** 2);
  });
  return { samples, lengths };
}

/**
 * Lay an image into nested tiles of normalised samples: those that form one unit of the next level are consecutive, in
 * rows from left to right, and so are the pixels of a tile.
 *
 * @param {Uint8Array} pixels (H, W, C).
 * @param {ImageInput} input
 * @param {import("./levels.js").Chain} chain
 * @returns {import("./views.js").Samples}
 */
function cut(pixels, { size, mean, std }, { scale, lengths }) {
  const [channels, columns] = [mean.length, size.columns / scale];
  const sums = summed(pixels, size, channels, scale);
  const factor = Float32Array.from(std, (each) => 1 / (255 * each) / scale ** 2);
  const shift = Float32Array.from(mean, (each, channel) => -each / std[channel]);
  const data = new Float32Array(sums.length);
  let place = 0;
  for (const { row, column } of tiled({ rows: size.rows / scale, columns }, lengths)) {
    for (let channel = 0; channel < channels; channel++) {
      const value = sums[(row * columns + column) * channels + channel];
      data[place++] = Math.fround(value * factor[channel]) + shift[channel];
    }
  }
  return { data, channels };
}

/**
 * Yield the samples of a grid, tile after tile.
 *
 * @param {import("./grid.js").Grid} grid
 * @param {number[]} lengths samples along a side of each level's units, finest first.
 * @returns {Generator<{row: number, column: number}>}
 */
function* tiled(grid, lengths) {
  if (!lengths.length) {
    for (let row = 0; row < grid.rows; row++)
      for (let column = 0; column < grid.columns; column++) yield { row, column };
    return;
  }
  const side = product(lengths);
  for (const tile of tiled({ rows: grid.rows / side, columns: grid.columns / side }, [])) {
    for (const { row, column } of tiled({ rows: side, columns: side }, lengths.slice(0, -1))) {
      yield { row: tile.row * side + row, column: tile.column * side + column };
    }
  }
}

/**
 * Return the sums of scale x scale pixels.
 *
 * @param {Uint8Array} pixels
 * @param {import("./grid.js").Grid} size
 * @param {number} channels
 * @param {number} scale
 */
function summed(pixels, size, channels, scale) {
  if (scale === 1) return pixels;
  const columns = size.columns / scale;
  const sums = new Uint32Array((size.rows / scale) * columns * channels);
  for (let place = 0; place < pixels.length; place++) {
    const pixel = Math.floor(place / channels);
    const row = Math.floor(Math.floor(pixel / size.columns) / scale);
    const column = Math.floor((pixel % size.columns) / scale);
    sums[(row * columns + column) * channels + (place % channels)] += pixels[place];
  }
  return sums;
}

/**
 * Return the input that a manifest describes.
 *
 * @param {import("./fields.js").Fields} fields
 * @returns {ImageInput}
 */
export function readImage(fields) {
  const [rows, columns] = fields.many("size", 2, 2, (listed, place) => listed.whole(place, 1, LARGEST));
  const levels = readLevels(fields.inner("levels"));
  const grids = divide({ rows, columns }, levels, `${fields.where}.levels`);
  const mean = readShares(fields, "mean", 0);
  const std = readShares(fields, "std", 1e-6);
  if (mean.length === 2 || std.length !== mean.length) {
    throw unfit(fields, mean.length === 2 ? "mean" : "std", 0, mean.length === 2 ? mean : std);
  }
  const raw = chains([...levels.values()]);
  const channels = new Map([...levels.keys()].filter((_, place) => raw[place]).map((name) => [name, mean.length]));
  const resize = fields.oneOf("resize", RESIZES);
  return { kind: "image", axes: 2, levels, channels, size: { rows, columns }, mean, std, resize, grids };
}

/**
 * @param {import("./fields.js").Fields} fields
 * @param {string} name
 * @param {number} least
 */
function readShares(fields, name, least) {
  const given = fields.many(name, 1, 3, (listed, place) => listed.number(place));
  if (!given.every((each) => least <= each && each <= 1)) throw unfit(fields, name, least, given);
  return given;
}

/**
 * @param {import("./fields.js").Fields} fields
 * @param {string} name
 * @param {number} least
 * @param {number[]} got
 */
function unfit(fields, name, least, got) {
  const expected = `1 or 3 numbers from ${least} to 1, as many as mean has`;
  return new BundleError(`${fields.where}.${name}: expected ${expected}; got ${got.join(", ")}; make the bundle again`);
}
