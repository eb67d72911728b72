// Raw values, as a caller hands them in, and as JSON holds them.

import { BundleError } from "./errors.js";
import { fromBase64 } from "./kept.js";

/**
 * @typedef {string | number | boolean | null} Cell
 * @typedef {Uint8Array | Int16Array | Int32Array | Float32Array} Numbers
 * @typedef {{data: Numbers, shape: number[]}} Numeric an array of readings or pixels.
 * @typedef {string | Numeric | Record<string, Cell>} Raw a text, an array, or the row of a table by column.
 */

const TYPES = { uint8: Uint8Array, int16: Int16Array, int32: Int32Array, float32: Float32Array };
const LARGEST = 2 ** 26;

/**
 * Return the raw value that JSON holds.
 *
 * @param {import("./fields.js").Fields} fields
 * @param {string} name
 * @returns {Raw}
 */
export function readRaw(fields, name) {
  if (typeof fields.values[name] === "string") return fields.text(name);
  const inner = fields.inner(name);
  const array = inner.values.array; // the cell of a row is never an object
  return typeof array === "object" && array !== null ? readArray(inner.inner("array")) : readRow(inner);
}

/**
 * @param {import("./fields.js").Fields} fields
 * @returns {Numeric}
 */
function readArray(fields) {
  const type = TYPES[fields.oneOf("dtype", /** @type {(keyof typeof TYPES)[]} */ (Object.keys(TYPES)))];
  const shape = fields.many("shape", 1, 4, (listed, place) => listed.whole(place, 1, LARGEST));
  const data = fromBase64(fields.text("base64"));
  if (data.length !== shape.reduce((all, size) => all * size, type.BYTES_PER_ELEMENT)) {
    const expected = `${shape.join(" x ")} numbers in base64`;
    throw new BundleError(`${fields.where}: expected ${expected}; got ${data.length} bytes; make it again`);
  }
  return { data: new type(data.buffer), shape }; // browsers run on little-endian machines only
}

/**
 * @param {import("./fields.js").Fields} fields
 * @returns {Record<string, Cell>}
 */
function readRow(fields) {
  for (const [name, value] of Object.entries(fields.values)) {
    if (typeof value === "object" && value !== null) {
      throw new BundleError(`${fields.where}.${name}: expected one value; got several; make the bundle again`);
    }
  }
  return /** @type {Record<string, Cell>} */ (fields.values);
}
