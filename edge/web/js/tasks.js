// What a network answers: from the numbers of its head to labels and values.
//
// Legend: K outputs of a head, T samples, C channels, H steps, Q quantiles.

import { BundleError } from "./errors.js";

const MOST = 100_000;
const KINDS = /** @type {const} */ (["classify", "ordinal", "multi_label", "regress", "forecast", "tag"]);

/**
 * @typedef {object} Above what a head of coarser labels stands above.
 * @property {string} head the name of the finer head.
 * @property {number[]} parents for each of its labels, the place of the coarser one that it belongs to.
 *
 * @typedef {{kind: "classify", labels: string[], above: Above | null}} Classify
 * @typedef {{kind: "ordinal", labels: string[]}} Ordinal
 * @typedef {{kind: "multi_label", labels: string[]}} MultiLabel
 * @typedef {{kind: "regress", names: string[], mean: number[], std: number[]}} Regress
 * @typedef {{kind: "forecast", columns: string[], horizon: number, quantiles: number[], mean: number[], std: number[],
 *   apart: boolean}} Forecast
 * @typedef {{kind: "tag", labels: string[], level: string}} Tag
 * @typedef {Classify | Ordinal | MultiLabel | Regress | Forecast | Tag} Task
 */

/** Return the names of a head's outputs: labels, or names of numbers or channels. @param {Task} task */
export function labelsOf(task) {
  if (task.kind === "regress") return task.names;
  return task.kind === "forecast" ? task.columns : task.labels;
}

/** K; of each sample where samples are labelled. @param {Task} task */
export function outputsOf(task) {
  if (task.kind !== "forecast") return labelsOf(task).length;
  return task.columns.length * task.horizon * Math.max(1, task.quantiles.length);
}

/** Return how many numbers the head gives at a time: all K, or those of one channel where they are apart. @param {Task} task */
export function headOutputs(task) {
  return task.kind === "forecast" && task.apart ? outputsOf(task) / task.columns.length : outputsOf(task);
}

/**
 * Say whether some outputs can be those of a task: finite, and probabilities where it gives such.
 *
 * @param {Task} task
 * @param {number[]} outputs
 */
export function isPossible(task, outputs) {
  switch (task.kind) {
    case "classify":
    case "ordinal":
      return isShares(outputs);
    case "multi_label":
      return outputs.every((value) => value >= 0 && value <= 1);
    case "tag": {
      const count = task.labels.length;
      const samples = Array.from({ length: outputs.length / count }, (_, t) =>
        outputs.slice(t * count, (t + 1) * count),
      );
      return outputs.length > 0 && outputs.length % count === 0 && samples.every(isShares);
    }
    default:
      return outputs.every(Number.isFinite);
  }
}

/** @param {number[]} outputs */
function isShares(outputs) {
  return outputs.every((value) => value >= 0) && Math.abs(outputs.reduce((sum, value) => sum + value, 0) - 1) <= 0.01;
}

/**
 * Return the task that a manifest describes.
 *
 * @param {import("./fields.js").Fields} fields
 * @returns {Task}
 */
export function readTask(fields) {
  const kind = fields.oneOf("kind", KINDS);
  switch (kind) {
    case "classify": {
      const labels = readNames(fields, "labels", 2);
      return { kind, labels, above: fields.has("above") ? readAbove(fields.inner("above"), labels.length) : null };
    }
    case "ordinal":
      return { kind, labels: readNames(fields, "labels", 2) };
    case "multi_label":
      return { kind, labels: readNames(fields, "labels", 1) };
    case "regress": {
      const names = readNames(fields, "names", 1);
      return { kind, names, ...readScaling(fields, names.length) };
    }
    case "forecast":
      return readForecast(fields);
    case "tag":
      return { kind, labels: readNames(fields, "labels", 2), level: fields.line("level") };
  }
}

/**
 * @param {import("./fields.js").Fields} fields
 * @returns {Forecast}
 */
function readForecast(fields) {
  const columns = readNames(fields, "columns", 1);
  const quantiles = fields.many("quantiles", 0, MOST, (listed, place) => listed.number(place));
  const rising = quantiles.every((q, place) => 0 < q && q < 1 && (place === 0 || quantiles[place - 1] < q));
  if (quantiles.length && (!quantiles.includes(0.5) || !rising)) {
    const expected = "rising numbers between 0 and 1, with 0.5";
    const got = quantiles.slice(0, 8).join(", ");
    throw new BundleError(`${fields.where}.quantiles: expected ${expected}; got ${got}; make the bundle again`);
  }
  const horizon = fields.whole("horizon", 1, MOST);
  const scaling = readScaling(fields, columns.length);
  return { kind: "forecast", columns, horizon, quantiles, ...scaling, apart: fields.truth("apart") };
}

/**
 * @param {import("./fields.js").Fields} fields
 * @param {number} count
 */
function readScaling(fields, count) {
  const [mean, std] = [readNumbers(fields, "mean", count), readNumbers(fields, "std", count)];
  if (Math.min(...std) <= 0) {
    throw new BundleError(`${fields.where}.std: expected numbers above 0; got others; make the bundle again`);
  }
  return { mean, std };
}

/**
 * @param {import("./fields.js").Fields} fields
 * @param {number} labels K.
 * @returns {Above}
 */
function readAbove(fields, labels) {
  const parents = fields.many("parents", 1, MOST, (listed, place) => listed.whole(place, 0, labels - 1));
  return { head: fields.line("head"), parents };
}

/**
 * @param {import("./fields.js").Fields} fields
 * @param {string} name
 * @param {number} least
 */
function readNames(fields, name, least) {
  const names = fields.many(name, least, MOST, (listed, place) => listed.line(place));
  if (new Set(names).size !== names.length) {
    throw new BundleError(`${fields.where}.${name}: expected different ones; got one twice; make the bundle again`);
  }
  return names;
}

/**
 * Return as many numbers as are expected.
 *
 * @param {import("./fields.js").Fields} fields
 * @param {string} name
 * @param {number} count
 */
export function readNumbers(fields, name, count) {
  return fields.many(name, count, count, (listed, place) => listed.number(place));
}
