// Numbers of tensors: rows of them chosen, joined, and averaged.
//
// Legend: N units, S samples of a unit, D numbers of a sample, W numbers of a unit's vector.

import { sum } from "./views.js";

/**
 * Numbers, and the shape that they have.
 *
 * @typedef {{data: Float32Array | Int32Array, shape: number[]}} Filled
 */

/**
 * Return the mean of the units' vectors, weighted by their samples, so that a bag of words is the mean of all words.
 *
 * @param {import("./views.js").Samples} vectors
 * @param {number[]} lengths
 */
export function mean({ data, channels }, lengths) {
  const found = new Float64Array(channels);
  const total = sum(lengths);
  lengths.forEach((length, unit) => {
    for (let place = 0; place < channels; place++) found[place] += (length / total) * data[unit * channels + place];
  });
  return Float32Array.from(found);
}

/**
 * Return the rows of real samples.
 *
 * @param {Float32Array} values (N, S, D).
 * @param {Float32Array} mask (N, S).
 * @param {number} width D.
 */
export function real(values, mask, width) {
  return values.filter((_, place) => mask[Math.floor(place / width)] === 1);
}

/**
 * Return `count` units from `start` on; beyond the last they are zeros.
 *
 * @param {Filled} values
 * @param {number} start
 * @param {number} count
 * @returns {Filled}
 */
export function rows({ data, shape }, start, count) {
  const width = data.length / shape[0];
  const found = new /** @type {any} */ (data.constructor)(count * width);
  found.set(data.subarray(start * width, (start + count) * width));
  return { data: found, shape: [count, ...shape.slice(1)] };
}

/** @param {Float32Array[]} parts */
export function joined(parts) {
  const whole = new Float32Array(sum(parts.map((part) => part.length)));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
