// From a series of readings to normalised windows.
//
// Legend: L readings, C channels, U units, S samples.

import { BundleError, InputError } from "./errors.js";
import { chains, reach, readLevels } from "./levels.js";
import { MISSING, readReadings } from "./readings.js";
import { readNumbers } from "./tasks.js";
import { unitsOf } from "./views.js";

/** What is taken off each example and channel: nothing, its last reading, its mean, or its mean and its deviation. */
const NORMALIZES = /** @type {const} */ (["none", "last", "mean", "standard"]);
/** Added to the variance of an example, in units of the training split's, so that a constant one can be divided by. */
const EPSILON = 1e-5;
const LONGEST = 4096;
const MOST = 2 ** 31 - 1;
const SMALLEST = 1e-30;

/**
 * The fitted numbers that turn a series into normalised windows.
 *
 * @typedef {object} SeriesInput
 * @property {"series"} kind
 * @property {1} axes
 * @property {Map<string, import("./levels.js").Window>} levels finest first.
 * @property {Map<string, number>} channels numbers of a sample, by level that reads a raw view.
 * @property {string[]} columns name of each channel.
 * @property {number[]} centre taken off each channel.
 * @property {number[]} spread what each channel is divided by then; above 0.
 * @property {number | null} length readings of every example; null where they differ.
 * @property {number} capacity readings of the longest example.
 * @property {typeof NORMALIZES[number]} normalize reversible normalisation of each example and channel.
 * @property {typeof MISSING[number]} missing what becomes of a missing reading.
 */

/**
 * Read and cut one series.
 *
 * @param {SeriesInput} input
 * @param {unknown} raw
 * @returns {import("./views.js").Views}
 */
export function seriesViews(input, raw) {
  const readings = read(input, raw);
  const [channels, count] = [input.columns.length, readings.length / input.columns.length];
  const { shift, factor } = moments(input, readings);
  /** @type {number[][]} */
  const lengths = [];
  const started = chains([...input.levels.values()]);
  const samples = [...input.levels.values()].map((window, place) => {
    const chain = started[place];
    lengths.push(unitsOf(chain ? Math.ceil(count / chain.scale) : lengths[place - 1].length, window.length));
    if (!chain) return null;
    const data = averages(readings, channels, chain.scale);
    return {
      data: data.map((value, at) => Math.fround(value - shift[at % channels]) / factor[at % channels]),
      channels,
    };
  });
  const standing = {
    factor: factor.map((value, channel) => value / input.spread[channel]),
    shift: shift.map((value, channel) => (value - input.centre[channel]) / input.spread[channel]),
  };
  return { samples, lengths, standing };
}

/**
 * @param {SeriesInput} input
 * @param {unknown} raw
 */
function read({ columns, missing, length, capacity }, raw) {
  const found = readReadings(raw, columns, missing);
  const count = found.length / columns.length;
  if (length !== null && count !== length) {
    throw new InputError(`expected ${length} readings; got ${count}; cut the series to windows of them`);
  }
  if (count > capacity) {
    const expected = `at most ${capacity} readings, which the levels hold`;
    throw new InputError(`expected ${expected}; got ${count}; cut the series, or train with longer levels`);
  }
  return found;
}

/**
 * Return what is taken off an example's channels, and what they are divided by then, both (C,).
 *
 * @param {SeriesInput} input
 * @param {Float32Array} readings
 */
function moments({ columns, centre, spread, normalize }, readings) {
  const own = columns.map((_, channel) => readings.filter((_, place) => place % columns.length === channel));
  const mean = (/** @type {Float64Array} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const shift = own.map((values, channel) => {
    if (normalize === "none") return centre[channel];
    return normalize === "last" ? values[values.length - 1] : mean(Float64Array.from(values));
  });
  const factor = own.map((values, channel) => {
    if (normalize !== "standard") return spread[channel];
    const squares = Float64Array.from(values, (value) => (value - shift[channel]) ** 2);
    return Math.sqrt(mean(squares) + EPSILON * spread[channel] ** 2);
  });
  return { shift: Float32Array.from(shift), factor: Float32Array.from(factor) };
}

/**
 * Return the means of `scale` readings each, (T, C); the last one of what is left.
 *
 * @param {Float32Array} readings
 * @param {number} channels
 * @param {number} scale
 */
function averages(readings, channels, scale) {
  if (scale === 1) return readings;
  const count = readings.length / channels;
  return Float32Array.from({ length: Math.ceil(count / scale) * channels }, (_, place) => {
    const [start, channel] = [Math.floor(place / channels) * scale, place % channels];
    const stop = Math.min(count, start + scale);
    let sum = 0;
    for (let at = start; at < stop; at++) sum += readings[at * channels + channel];
    return sum / (stop - start);
  });
}

/**
 * Return the input that a manifest describes.
 *
 * @param {import("./fields.js").Fields} fields
 * @returns {SeriesInput}
 */
export function readSeries(fields) {
  const columns = fields.many("columns", 1, LONGEST, (listed, place) => listed.line(place));
  const [centre, spread] = [
    readNumbers(fields, "centre", columns.length),
    readNumbers(fields, "spread", columns.length),
  ];
  if (Math.min(...spread) < SMALLEST || [...centre, ...spread].some((value) => Math.abs(value) > 1 / SMALLEST)) {
    const expected = `numbers from ${SMALLEST} to ${1 / SMALLEST}, centre of either sign`;
    const got = spread.slice(0, 8).join(", ");
    throw new BundleError(`${fields.where}.spread: expected ${expected}; got ${got}; make the bundle again`);
  }
  const levels = readLevels(fields.inner("levels"));
  const raw = chains([...levels.values()]);
  const capacity = reach(/** @type {import("./levels.js").Chain} */ (raw.findLast((chain) => chain !== null)));
  const length = fields.isNull("length") ? null : fields.whole("length", 1, MOST);
  const normalize = fields.oneOf("normalize", NORMALIZES);
  const missing = fields.oneOf("missing", MISSING);
  const width = fields.truth("apart") ? 1 : columns.length;
  if (length !== null && length > capacity) {
    const expected = `at most ${capacity}, which the levels hold`;
    throw new BundleError(`${fields.where}.length: expected ${expected}; got ${length}; make the bundle again`);
  }
  const channels = new Map([...levels.keys()].filter((_, place) => raw[place]).map((name) => [name, width]));
  return { kind: "series", axes: 1, levels, channels, columns, centre, spread, length, capacity, normalize, missing };
}
