// What a network says: labels, numbers, the readings that follow, and labels of single samples.

import { outputsOf } from "./tasks.js";

/**
 * @typedef {{label: string, probability: number}} Share a label, and its probability.
 *
 * @typedef {{kind: "label", label: string, probability: number, shares: Share[]}} Label one label of several; the shares
 *   of all of them, in the order of the manifest.
 * @typedef {{kind: "labels", labels: string[], shares: Share[]}} Labels any number of labels: those that are more
 *   probable than not, the most probable first.
 * @typedef {{kind: "values", values: {name: string, value: number}[]}} Values numbers by name.
 * @typedef {{name: string, values: number[], quantiles: {share: number, values: number[]}[]}} Channel the readings that
 *   follow: of each step, or its median, and what is not exceeded with a probability.
 * @typedef {{kind: "future", channels: Channel[]}} Future
 * @typedef {{first: number, last: number, label: string, probability: number}} Stretch neighbouring samples of one label.
 * @typedef {{kind: "tags", labels: string[], stretches: Stretch[]}} Tags a label for each sample.
 * @typedef {Label | Labels | Values | Future | Tags} Answer
 */

/**
 * Return what the outputs of a head say.
 *
 * @param {import("./tasks.js").Task} task
 * @param {Float32Array} outputs (K,), or (T, K) where samples are labelled.
 * @returns {Answer}
 */
export function answered(task, outputs) {
  switch (task.kind) {
    case "classify":
    case "ordinal": {
      const shares = shared(task.labels, outputs);
      return { kind: "label", ...shares[largest(outputs)], shares };
    }
    case "multi_label": {
      const shares = shared(task.labels, outputs);
      const labels = ranked(shares).filter((share) => share.probability >= 0.5);
      return { kind: "labels", labels: labels.map((share) => share.label), shares };
    }
    case "regress": {
      const values = task.names.map((name, k) => ({ name, value: outputs[k] * task.std[k] + task.mean[k] }));
      return { kind: "values", values };
    }
    case "forecast":
      return foretold(task, outputs);
    case "tag":
      return tagged(task, outputs);
  }
}

/**
 * Return shares, the most probable first.
 *
 * @param {Share[]} shares
 */
export function ranked(shares) {
  return [...shares].sort((one, other) => other.probability - one.probability);
}

/** Return the place of the largest number, the first of equal ones. @param {ArrayLike<number>} values */
export function largest(values) {
  let best = 0;
  for (let place = 1; place < values.length; place++) if (values[place] > values[best]) best = place;
  return best;
}

/**
 * @param {string[]} labels
 * @param {Float32Array} outputs
 * @returns {Share[]}
 */
function shared(labels, outputs) {
  return labels.map((label, place) => ({ label, probability: outputs[place] }));
}

/**
 * Lay outputs out as channels, steps and quantiles; quantiles that cross are sorted.
 *
 * @param {import("./tasks.js").Forecast} task
 * @param {Float32Array} outputs
 * @returns {Future}
 */
function foretold(task, outputs) {
  const ways = Math.max(1, task.quantiles.length);
  const middle = task.quantiles.length ? task.quantiles.indexOf(0.5) : 0;
  const channels = task.columns.map((name, channel) => {
    const steps = Array.from({ length: task.horizon }, (_, step) => {
      const start = (channel * task.horizon + step) * ways;
      const sorted = outputs.slice(start, start + ways).sort();
      return Array.from(sorted, (value) => value * task.std[channel] + task.mean[channel]);
    });
    const quantiles = task.quantiles.map((share, way) => ({ share, values: steps.map((step) => step[way]) }));
    return { name, values: steps.map((step) => step[middle]), quantiles };
  });
  return { kind: "future", channels };
}

/**
 * @param {import("./tasks.js").Tag} task
 * @param {Float32Array} outputs
 * @returns {Tags}
 */
function tagged(task, outputs) {
  const count = outputsOf(task);
  const best = Array.from({ length: outputs.length / count }, (_, t) =>
    largest(outputs.subarray(t * count, (t + 1) * count)),
  );
  /** @type {Stretch[]} */
  const stretches = [];
  for (let first = 0, last = 0; first < best.length; first = last + 1) {
    for (last = first; last + 1 < best.length && best[last + 1] === best[first];) last++;
    let sum = 0;
    for (let t = first; t <= last; t++) sum += outputs[t * count + best[first]];
    stretches.push({ first, last, label: task.labels[best[first]], probability: sum / (last - first + 1) });
  }
  return { kind: "tags", labels: best.map((place) => task.labels[place]), stretches };
}
