// Which parts of an example mattered: each is left out by itself, and the network is run again.
//
// After Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014 (occlusion).

import { largest } from "./answers.js";
import { readReadings } from "./readings.js";
import { sentencePlaces, wordPlaces } from "./text.js";

/** Words of a text that are left out one by one, at most. */
const MOST_WORDS = 250;
const MOST_SENTENCES = 100;
/** Moments that a recording, or a series, is cut into. */
const MOMENTS = 16;
/** Squares along a side of an image whose finest level has one unit only. */
const SQUARES = 8;

/**
 * A part of an example: what kind, where it stands, and the example without it.
 *
 * @typedef {object} Unit
 * @property {string} granularity sentence, word; patch, square; moment; column.
 * @property {Place} place in characters, readings or pixels; of a table, the column's name.
 * @property {() => unknown} without the raw value without it.
 *
 * @typedef {{from?: number, to?: number, row?: number, column?: number, height?: number, width?: number, name?: string}} Place
 */

/**
 * A unit that was left out: the number that fell, or rose, by its absence. Above 0 it spoke for the answer.
 *
 * @typedef {{input: string, granularity: string, place: Place, weight: number}} Weighed
 */

/**
 * What is explained: one output of the first head.
 *
 * @typedef {{head: string, output: number, name: string}} Target
 */

/**
 * Return what can be explained of a prediction; null for forecasts and labels of samples.
 *
 * @param {import("./manifest.js").Manifest} manifest
 * @param {import("./predictor.js").Prediction} prediction
 * @returns {Target | null}
 */
export function targetOf(manifest, prediction) {
  const [[head, task]] = manifest.tasks;
  if (task.kind === "forecast" || task.kind === "tag") return null;
  const output = task.kind === "regress" ? 0 : largest(/** @type {Float32Array} */ (prediction.outputs.get(head)));
  return { head, output, name: (task.kind === "regress" ? task.names : task.labels)[output] };
}

/**
 * Weigh the units of an example, coarse ones first; each is yielded when it is known.
 *
 * @param {import("./predictor.js").Predictor} predictor
 * @param {Map<string, unknown>} raws
 * @param {Target} target
 * @returns {AsyncGenerator<Weighed>}
 */
export async function* weigh(predictor, raws, target) {
  const given = (/** @type {Map<string, Float32Array>} */ outputs) => outputs.get(target.head)?.[target.output] ?? NaN;
  const whole = given(await predictor.outputs(raws));
  for (const [input, fitted] of predictor.bundle.manifest.inputs) {
    for (const { granularity, place, without } of unitsOf(fitted, raws.get(input))) {
      const rest = given(await predictor.outputs(new Map([...raws, [input, without()]])));
      yield { input, granularity, place, weight: whole - rest };
    }
  }
}

/**
 * Return the parts of an example that can be left out.
 *
 * @param {import("./inputs.js").Input} input
 * @param {unknown} raw
 * @returns {Unit[]}
 */
export function unitsOf(input, raw) {
  switch (input.kind) {
    case "text":
      return unitsOfText(/** @type {string} */ (raw));
    case "image":
      return unitsOfImage(input, /** @type {import("./raws.js").Numeric} */ (raw));
    case "audio":
      return unitsOfRecording(/** @type {Float32Array} */ (raw));
    case "table":
      return input.columns.map((name) => ({
        granularity: "column",
        place: { name },
        without: () => ({ .../** @type {object} */ (raw), [name]: null }),
      }));
    case "series":
      return unitsOfSeries(input, raw);
    case "array":
      return [];
  }
}

/** @param {string} text */
function unitsOfText(text) {
  const [sentences, words] = [sentencePlaces(text), wordPlaces(text)];
  const cut = (/** @type {string} */ granularity) => (/** @type {import("./text.js").Place} */ place) => ({
    granularity,
    place,
    without: () => text.slice(0, place.from) + text.slice(place.to),
  });
  return [
    ...(sentences.length > 1 ? sentences.slice(0, MOST_SENTENCES).map(cut("sentence")) : []),
    ...(words.length > 1 ? words.slice(0, MOST_WORDS).map(cut("word")) : []),
  ];
}

/**
 * A part of an image is left out by putting the mean of the training images in its place.
 *
 * @param {import("./image.js").ImageInput} input
 * @param {import("./raws.js").Numeric} raw of the input's size.
 * @returns {Unit[]}
 */
function unitsOfImage({ size, mean, grids }, { data, shape }) {
  const [[level, finest]] = grids;
  const known = finest.rows * finest.columns > 1 && finest.rows * finest.columns <= 256;
  const rows = known ? finest.rows : Math.min(SQUARES, size.rows);
  const columns = known ? finest.columns : Math.min(SQUARES, size.columns);
  const edge = (/** @type {number} */ place, /** @type {number} */ count, /** @type {number} */ length) =>
    Math.round((place * length) / count);
  return Array.from({ length: rows * columns }, (_, place) => {
    const [row, column] = [
      edge(Math.floor(place / columns), rows, size.rows),
      edge(place % columns, columns, size.columns),
    ];
    const height = edge(Math.floor(place / columns) + 1, rows, size.rows) - row;
    const width = edge((place % columns) + 1, columns, size.columns) - column;
    const without = () => {
      const rest = Uint8Array.from(data);
      for (let at = 0; at < rest.length; at++) {
        const pixel = Math.floor(at / mean.length);
        const [r, c] = [Math.floor(pixel / size.columns) - row, (pixel % size.columns) - column];
        if (r >= 0 && r < height && c >= 0 && c < width) rest[at] = Math.round(255 * mean[at % mean.length]);
      }
      return { data: rest, shape };
    };
    return { granularity: known ? level : "square", place: { row, column, height, width }, without };
  });
}

/**
 * A moment of a series is left out by putting the mean of each channel in its place.
 *
 * @param {import("./series.js").SeriesInput} input
 * @param {unknown} raw
 * @returns {Unit[]}
 */
function unitsOfSeries({ columns, missing }, raw) {
  const data = readReadings(raw, columns, missing);
  const [channels, count] = [columns.length, data.length / columns.length];
  const means = columns.map((_, channel) => {
    let sum = 0;
    for (let place = channel; place < data.length; place += channels) sum += data[place];
    return sum / count;
  });
  return moments(count).map(({ from, to }) => {
    const inside = (/** @type {number} */ place) => place >= from * channels && place < to * channels;
    const without = () => ({
      data: data.map((value, place) => (inside(place) ? means[place % channels] : value)),
      shape: [count, channels],
    });
    return { granularity: "moment", place: { from, to }, without };
  });
}

/**
 * Return the moments that something is cut into.
 *
 * @param {number} count readings.
 */
function moments(count) {
  const edge = (/** @type {number} */ place) => Math.round((place * count) / Math.min(MOMENTS, count));
  return Array.from({ length: Math.min(MOMENTS, count) }, (_, moment) => ({
    from: edge(moment),
    to: edge(moment + 1),
  }));
}

/**
 * A moment of a recording is left out by silence.
 *
 * @param {Float32Array} readings
 * @returns {Unit[]}
 */
function unitsOfRecording(readings) {
  return moments(readings.length).map(({ from, to }) => ({
    granularity: "moment",
    place: { from, to },
    without: () => Float32Array.from(readings).fill(0, from, to),
  }));
}
