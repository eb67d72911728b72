// Replay the golden examples of a bundle: does this browser answer as the trainer did?

import { largest } from "./answers.js";
import { BundleError } from "./errors.js";

/**
 * What a replay found.
 *
 * @typedef {object} Selftest
 * @property {number} examples how many were replayed.
 * @property {number} labels examples whose every label is the golden one.
 * @property {number} difference the largest one between an output here and the golden one.
 * @property {number} tolerance what it may be.
 * @property {boolean} passed whether every label is the golden one, and every output close enough.
 */

/**
 * Replay the golden examples.
 *
 * @param {import("./predictor.js").Predictor} predictor
 * @returns {Promise<Selftest>}
 */
export async function selftest(predictor) {
  const { golden, manifest, name } = predictor.bundle;
  let [labels, difference] = [0, 0];
  for (const example of golden.examples) {
    const found = await predictor.outputs(example.raws);
    let agreed = true;
    for (const [head, task] of manifest.tasks) {
      const here = /** @type {Float32Array} */ (found.get(head));
      const there = Float32Array.from(/** @type {number[]} */ (example.outputs.get(head)));
      if (here.length !== there.length) {
        const got = `got ${here.length}; make the bundle again`;
        throw new BundleError(`${name}: expected ${there.length} outputs, as a golden example has; ${got}`);
      }
      difference = Math.max(difference, furthest(here, there));
      agreed &&= agrees(task, here, there, golden.tolerance);
    }
    labels += agreed ? 1 : 0;
  }
  const { length: examples } = golden.examples;
  const passed = labels === examples && difference <= golden.tolerance;
  return { examples, labels, difference, tolerance: golden.tolerance, passed };
}

/**
 * Say whether the labels are the golden ones; where two are as probable but for the tolerance, either is right.
 *
 * @param {import("./tasks.js").Task} task
 * @param {Float32Array} here
 * @param {Float32Array} there
 * @param {number} tolerance
 */
function agrees(task, here, there, tolerance) {
  if (task.kind !== "classify" && task.kind !== "tag") return furthest(here, there) <= tolerance;
  const count = task.labels.length;
  for (let start = 0; start < here.length; start += count) {
    const golden = there.subarray(start, start + count);
    if (golden[largest(here.subarray(start, start + count))] < golden[largest(golden)] - tolerance) return false;
  }
  return true;
}

/**
 * NaN is further than any number.
 *
 * @param {Float32Array} here
 * @param {Float32Array} there
 */
function furthest(here, there) {
  return here.reduce((most, value, place) => {
    const difference = Math.abs(value - there[place]);
    return difference <= most ? most : Number.isNaN(difference) ? Infinity : difference;
  }, 0);
}
