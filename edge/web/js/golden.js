// Golden examples: raw inputs with the expected outputs, to prove a device right.

import { BundleError } from "./errors.js";
import { Fields, parse } from "./fields.js";
import { readRaw } from "./raws.js";
import { isPossible, outputsOf } from "./tasks.js";

const MOST_TAGS = 2 ** 24;

/**
 * A raw value for each input, and the outputs of each head; where T samples are labelled, those of one sample after
 * those of another.
 *
 * @typedef {{raws: Map<string, import("./raws.js").Raw>, outputs: Map<string, number[]>}} Example
 */

/**
 * Examples, and how far a device's outputs may be from theirs: int8 arithmetic differs between processors.
 *
 * @typedef {{examples: Example[], tolerance: number}} Golden
 */

/**
 * Return the examples in golden.json.
 *
 * @param {Uint8Array} raw the file.
 * @param {string[]} inputs names that each example has a raw value for.
 * @param {Map<string, import("./tasks.js").Task>} tasks what each example has outputs for.
 * @returns {Golden}
 */
export function readGolden(raw, inputs, tasks) {
  const fields = Fields.of(parse(raw, "golden.json"), "golden.json");
  const tolerance = fields.number("tolerance");
  if (!(0 < tolerance && tolerance < 1)) {
    throw new BundleError(`golden.json: tolerance: expected a number between 0 and 1; got ${tolerance}; make it again`);
  }
  const examples = fields.many("examples", 1, 1000, (listed, place) => readExample(listed.inner(place), inputs, tasks));
  return { examples, tolerance };
}

/**
 * @param {Fields} fields
 * @param {string[]} inputs
 * @param {Map<string, import("./tasks.js").Task>} tasks
 * @returns {Example}
 */
function readExample(fields, inputs, tasks) {
  const [raws, heads] = [fields.inner("raws"), fields.inner("outputs")];
  return {
    raws: new Map(inputs.map((name) => [name, readRaw(raws, name)])),
    outputs: new Map([...tasks].map(([name, task]) => [name, readOutputs(heads, name, task)])),
  };
}

/**
 * @param {Fields} heads
 * @param {string} name
 * @param {import("./tasks.js").Task} task
 */
function readOutputs(heads, name, task) {
  const least = outputsOf(task);
  const most = task.kind === "tag" ? MOST_TAGS : least;
  const outputs = heads.many(name, least, most, (listed, place) => listed.number(place));
  if (!isPossible(task, outputs)) {
    const where = `${heads.where}.${name}`;
    throw new BundleError(`${where}: expected outputs of ${task.kind}; got others; make the bundle again`);
  }
  return outputs;
}
