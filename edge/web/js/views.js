// One example at all its granularities, and how ragged units become rectangular.
//
// Legend: T samples of a view, C channels, N units, S samples of the longest unit.

/**
 * Rows of numbers, (T, C): ids (Int32Array) or readings (Float32Array).
 *
 * @typedef {{data: Int32Array | Float32Array, channels: number}} Samples
 */

/**
 * One example of one input, read at every granularity, without padding.
 *
 * @typedef {object} Views
 * @property {(Samples | null)[]} samples for each level, finest first: its raw view in reading order; null where it
 *   builds on the level before it.
 * @property {number[][]} lengths for each level, how many samples each of its N units holds.
 * @property {import("./tensors.js").Filled} [whole] what the head reads as it is, without units.
 * @property {{factor: Float32Array, shift: Float32Array}} [standing] of a series, what its forecasts are multiplied by,
 *   and what is added then, of each channel.
 */

/**
 * Lay consecutive samples into units of equal length, with zeros behind each unit's samples.
 *
 * @param {Samples} samples of all units, one unit after another.
 * @param {number[]} lengths (N,) samples of each unit; they sum to T.
 * @param {number} size S of the result.
 * @returns {{units: Samples, mask: Float32Array}} (N * S, C), and which samples are real, (N, S).
 */
export function pad(samples, lengths, size) {
  const { data, channels } = samples;
  const units = new /** @type {any} */ (data.constructor)(lengths.length * size * channels);
  const mask = new Float32Array(lengths.length * size);
  let start = 0;
  lengths.forEach((length, unit) => {
    units.set(data.subarray(start * channels, (start + length) * channels), unit * size * channels);
    mask.fill(1, unit * size, unit * size + length);
    start += length;
  });
  return { units: { data: units, channels }, mask };
}

/**
 * Return for each sample the sample of another level that covers its middle in time.
 *
 * @param {number} count samples of the example.
 * @param {number} span readings that a sample covers.
 * @param {number} coarseCount samples of the example at the other level, at least 1.
 * @param {number} coarseSpan readings that one of those covers.
 */
export function covering(count, span, coarseCount, coarseSpan) {
  const middle = Math.floor(span / 2);
  return Array.from({ length: count }, (_, place) =>
    Math.min(Math.floor((place * span + middle) / coarseSpan), coarseCount - 1),
  );
}

/** @param {readonly number[]} values */
export function sum(values) {
  return values.reduce((all, value) => all + value, 0);
}

/**
 * Return the samples of each unit: all are full but the last.
 *
 * @param {number} samples at least 1.
 * @param {number} length
 */
export function unitsOf(samples, length) {
  const units = Array(Math.ceil(samples / length)).fill(length);
  units[units.length - 1] = samples - (units.length - 1) * length;
  return /** @type {number[]} */ (units);
}
