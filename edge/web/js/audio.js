// From a recording to samples: frames of a logarithmic mel spectrum, in segments.
//
// Legend: T frames, M mel bands, N units.

import { BundleError } from "./errors.js";
import { readLevels } from "./levels.js";
import { melFrames } from "./mel.js";
import { readingsOf } from "./recordings.js";
import { readNumbers } from "./tasks.js";
import { unitsOf } from "./views.js";

const LEVELS = ["segment", "clip"];
const LEVEL_OUT = /** @type {const} */ (["nothing", "loudest", "mean", "spread"]);
/** Deviation of a band, below which it is not made louder: nothing is heard in it. */
const STILL = 0.1;
/** Parts of a second: over how long the loudness of a reading is measured, and what is kept before and behind. */
const [HEARD, MARGIN] = [50, 100];
const [FASTEST, MOST_BANDS, MOST_FRAMES] = [1_000_000, 1024, 2 ** 24];

/**
 * The fitted numbers that turn a recording into frames.
 *
 * @typedef {object} AudioInput
 * @property {"audio"} kind
 * @property {1} axes
 * @property {Map<string, import("./levels.js").Window>} levels finest first; a scale is in frames.
 * @property {Map<string, number>} channels numbers of a sample, by level that reads frames.
 * @property {import("./mel.js").MelSpectrum} spectrum how a frame is computed; it knows the rate.
 * @property {number} capacity frames that are read at most.
 * @property {number[]} mean of the training split, by band.
 * @property {number[]} std of the training split, by band.
 * @property {typeof LEVEL_OUT[number]} levelOut what is taken out of each recording by itself.
 * @property {number} quiet share of a recording's loudest power below which its ends are left out.
 */

/**
 * Read one recording at every level, without padding.
 *
 * @param {AudioInput} input
 * @param {unknown} raw
 * @returns {import("./views.js").Views}
 */
export function audioViews(input, raw) {
  const readings = trimmed(readingsOf(raw), input.spectrum.rate, input.quiet);
  const heard = levelled(melFrames(input.spectrum, readings, input.capacity), input.levelOut);
  const frames = heard.map((frame) => frame.map((value, band) => (value - input.mean[band]) / input.std[band]));
  /** @type {(import("./views.js").Samples | null)[]} */
  const samples = [];
  /** @type {number[][]} */
  const lengths = [];
  for (const window of input.levels.values()) {
    const level = window.scale === null ? null : averaged(frames, window.scale);
    samples.push(level);
    const count = level ? level.data.length / level.channels : lengths[lengths.length - 1].length;
    lengths.push(unitsOf(count, window.length));
  }
  return { samples, lengths };
}

/**
 * Return a recording without its quiet ends.
 *
 * @param {Float32Array} readings
 * @param {number} rate readings a second.
 * @param {number} quiet
 */
function trimmed(readings, rate, quiet) {
  if (!quiet) return readings;
  const [half, margin] = [Math.max(1, Math.floor(Math.floor(rate / HEARD) / 2)), Math.floor(rate / MARGIN)];
  const power = new Float64Array(readings.length + 1);
  readings.forEach((reading, place) => (power[place + 1] = power[place] + reading * reading));
  const heard = Float64Array.from(readings, (_, place) => {
    return power[Math.min(place + half, readings.length)] - power[Math.max(place - half, 0)];
  });
  const least = heard.reduce((loudest, each) => Math.max(loudest, each), 0) * quiet;
  const first = heard.findIndex((each) => each > least);
  const last = heard.findLastIndex((each) => each > least);
  return first === -1 ? readings : readings.subarray(Math.max(0, first - margin), last + 1 + margin);
}

/**
 * Return the frames of one recording without what is alike in all of them: the voice, the microphone, the room.
 *
 * @param {Float64Array[]} frames
 * @param {AudioInput["levelOut"]} what
 */
function levelled(frames, what) {
  if (what === "nothing") return frames;
  if (what === "loudest") {
    const loudest = frames.reduce((most, frame) => frame.reduce((one, other) => Math.max(one, other), most), -Infinity);
    return frames.map((frame) => frame.map((value) => value - loudest));
  }
  const over = (/** @type {(frame: Float64Array, band: number) => number} */ value) =>
    frames[0].map((_, band) => frames.reduce((sum, frame) => sum + value(frame, band), 0) / frames.length);
  const mean = over((frame, band) => frame[band]);
  const spread = over((frame, band) => (frame[band] - mean[band]) ** 2).map(Math.sqrt);
  const divisor = spread.map((deviation) => (what === "spread" ? Math.max(deviation, STILL) : 1));
  return frames.map((frame) => frame.map((value, band) => (value - mean[band]) / divisor[band]));
}

/**
 * Return the means of runs of frames, (T / scale, M); the last run may be shorter.
 *
 * @param {Float64Array[]} frames
 * @param {number} scale
 * @returns {import("./views.js").Samples}
 */
function averaged(frames, scale) {
  const bands = frames[0].length;
  const data = new Float32Array(Math.ceil(frames.length / scale) * bands);
  for (let start = 0, place = 0; start < frames.length; start += scale) {
    const run = frames.slice(start, start + scale);
    for (let band = 0; band < bands; band++) {
      data[place++] = run.reduce((sum, frame) => sum + frame[band], 0) / run.length;
    }
  }
  return { data, channels: bands };
}

/**
 * Return how many frames fit into the one unit of `clip`; without that level there is no bound.
 *
 * @param {Map<string, import("./levels.js").Window>} levels
 */
function capacityOf(levels) {
  const [clip, segment] = [levels.get("clip"), levels.get("segment")];
  if (!clip) return MOST_FRAMES;
  if (clip.scale !== null || !segment) return clip.length * (clip.scale ?? 1);
  return clip.length * segment.length * (segment.scale ?? 1);
}

/**
 * Return the audio input that a manifest describes.
 *
 * @param {import("./fields.js").Fields} fields
 * @returns {AudioInput}
 */
export function readAudio(fields) {
  const spectrum = readSpectrum(fields.inner("spectrum"));
  const std = readNumbers(fields, "std", spectrum.bands);
  if (Math.min(...std) <= 0) {
    const got = Math.min(...std);
    throw new BundleError(`${fields.where}.std: expected numbers above 0; got ${got}; make the bundle again`);
  }
  const levels = readLevels(fields.inner("levels"), LEVELS);
  const reading = [...levels].filter(([, window]) => window.scale !== null);
  return {
    kind: "audio",
    axes: 1,
    levels,
    channels: new Map(reading.map(([name]) => [name, spectrum.bands])),
    spectrum,
    capacity: Math.min(fields.whole("longest", 1, MOST_FRAMES), capacityOf(levels)),
    mean: readNumbers(fields, "mean", spectrum.bands),
    std,
    levelOut: fields.has("level_out") ? fields.oneOf("level_out", LEVEL_OUT) : "nothing",
    quiet: readQuiet(fields),
  };
}

/** @param {import("./fields.js").Fields} fields */
function readQuiet(fields) {
  const quiet = fields.has("quiet") ? fields.number("quiet") : 0;
  if (quiet >= 0 && quiet < 1) return quiet;
  throw new BundleError(`${fields.where}.quiet: expected a number from 0 to 1; got ${quiet}; make the bundle again`);
}

/**
 * @param {import("./fields.js").Fields} fields
 * @returns {import("./mel.js").MelSpectrum}
 */
function readSpectrum(fields) {
  const spectrum = {
    scale: fields.oneOf("scale", /** @type {const} */ (["slaney", "htk"])),
    rate: fields.whole("rate", 1, FASTEST),
    frame: fields.whole("frame", 2, FASTEST),
    hop: fields.whole("hop", 1, FASTEST),
    bands: fields.whole("bands", 1, MOST_BANDS),
    lowest: fields.number("lowest"),
    highest: fields.number("highest"),
    floor: fields.number("floor"),
  };
  const { lowest, highest, rate, floor } = spectrum;
  if (!(0 <= lowest && lowest < highest && highest <= rate / 2) || floor <= 0) {
    const expected = "0 <= lowest < highest <= rate / 2, and floor > 0";
    throw new BundleError(`${fields.where}: expected ${expected}; got others; make the bundle again`);
  }
  return spectrum;
}
