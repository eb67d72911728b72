// Grids of samples over an image, and where one cannot be cut without a rest.

import { BundleError } from "./errors.js";

/**
 * Rows and columns of pixels, samples or units.
 *
 * @typedef {{rows: number, columns: number}} Grid
 */

/**
 * Cut an image into the units of each level.
 *
 * @param {Grid} size of the image in pixels.
 * @param {Map<string, import("./levels.js").Window>} levels finest first.
 * @param {string} where the path of the levels in the manifest.
 * @returns {Map<string, Grid>} the grid of units by level.
 */
export function divide(size, levels, where) {
  const grids = new Map();
  let samples = size;
  for (const [name, window] of levels) {
    if (!grids.size || window.scale !== null) samples = divided(size, window.scale ?? 1, `${where}.${name}.scale`);
    samples = divided(samples, window.length, `${where}.${name}.length`);
    grids.set(name, samples);
  }
  return grids;
}

/**
 * Return the grid of squares of `side`.
 *
 * @param {Grid} grid
 * @param {number} side
 * @param {string} where
 * @returns {Grid}
 */
function divided({ rows, columns }, side, where) {
  if (rows % side || columns % side) {
    throw new BundleError(`${where}: ${side} does not divide a grid of ${rows} x ${columns} without a rest`);
  }
  return { rows: rows / side, columns: columns / side };
}
