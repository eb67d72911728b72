// Arrays that a model reads as they are: no granularity, no fitted numbers. A model that mgdist did not train reads such.

import { BundleError, InputError } from "./errors.js";
import { product } from "./levels.js";

const [MOST_AXES, LARGEST] = [4, 2 ** 26];

/**
 * An array of fixed shape that goes to the head as it is.
 *
 * @typedef {object} ArrayInput
 * @property {"array"} kind
 * @property {0} axes
 * @property {Map<string, import("./levels.js").Window>} levels none: it is not cut.
 * @property {Map<string, number>} channels none: it has no levels.
 * @property {number[]} shape of one example.
 * @property {"float32" | "int32"} dtype of what the model reads; ids are int32.
 * @property {number} divide what numbers are divided by, such as 255 for pixels; ids by nothing.
 */

/**
 * Read one example: the array, and no units.
 *
 * @param {ArrayInput} input
 * @param {unknown} raw an array, or nested lists of the shape, where axes of 1 may be left out, or flat.
 * @returns {import("./views.js").Views}
 */
export function arrayViews({ shape, dtype, divide }, raw) {
  const given = Array.isArray(raw) ? flattened(raw) : /** @type {import("./raws.js").Numeric} */ (raw);
  if (typeof given !== "object" || given === null || !("data" in given && "shape" in given)) {
    throw new InputError(`expected an array of numbers; got ${typeof raw}`);
  }
  const alike = given.shape.length < 2 || long(given.shape) === long(shape);
  if (given.data.length !== product(shape) || !alike) {
    throw new InputError(`expected an array of shape ${shape.join(" x ")}; got ${given.shape.join(" x ")}`);
  }
  return {
    samples: [],
    lengths: [],
    whole: { data: dtype === "int32" ? ids(given.data) : divided(given.data, divide), shape },
  };
}

/**
 * @param {unknown[]} raw
 * @returns {{data: number[], shape: number[]}}
 */
function flattened(raw) {
  const shape = [];
  for (let inner = /** @type {unknown} */ (raw); Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const data = raw.flat(MOST_AXES);
  const wrong = data.find((value) => typeof value !== "number" && typeof value !== "boolean");
  if (wrong !== undefined) throw new InputError(`expected an array of numbers; got ${typeof wrong}`);
  if (data.length !== product(shape)) throw new InputError("expected lists of one length; got a ragged list");
  return { data: data.map(Number), shape };
}

/** Return a shape without its axes of 1. @param {number[]} shape */
function long(shape) {
  return shape.filter((size) => size !== 1).join();
}

/** @param {ArrayLike<number>} data */
function ids(data) {
  const found = Int32Array.from(data);
  if (!found.every((id, place) => id === data[place])) {
    throw new InputError("expected whole numbers of 32 bits; got others");
  }
  return found;
}

/**
 * @param {ArrayLike<number>} data
 * @param {number} divide
 */
function divided(data, divide) {
  const found = Float32Array.from(data);
  if (!found.every(Number.isFinite))
    throw new InputError("expected finite numbers; got NaN or infinity; fill them in first");
  return found.map((value) => value / Math.fround(divide));
}

/**
 * Return the input that a manifest describes.
 *
 * @param {import("./fields.js").Fields} fields
 * @returns {ArrayInput}
 */
export function readArray(fields) {
  const shape = fields.many("shape", 1, MOST_AXES, (listed, place) => listed.whole(place, 1, LARGEST));
  const dtype = fields.oneOf("dtype", /** @type {const} */ (["float32", "int32"]));
  const divide = fields.number("divide");
  if (product(shape) > LARGEST || !(1e-30 < divide && divide < 1e30)) {
    const expected = `at most ${LARGEST} numbers, divided by one above 0`;
    const got = `${shape.join(" x ")}, ${divide}`;
    throw new BundleError(`${fields.where}: expected ${expected}; got ${got}; make the bundle again`);
  }
  return { kind: "array", axes: 0, levels: new Map(), channels: new Map(), shape, dtype, divide };
}
