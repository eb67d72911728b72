// The readings of whatever a person hands in: one checked array.
//
// Legend: L readings, C channels. Readings are counted from 0 in messages.

import { InputError } from "./errors.js";
import { repr } from "./fields.js";

/** What becomes of a missing reading (NaN or null): refused, or the reading before it stands in. */
export const MISSING = /** @type {const} */ (["fail", "previous"]);

/**
 * Return the readings of one example, (L, C).
 *
 * @param {unknown} raw an object with the readings of each column; or an array or nested list (L, C), one row a reading,
 *   or (L,) of the only channel.
 * @param {string[]} columns name of each channel.
 * @param {typeof MISSING[number]} missing what becomes of a missing reading.
 * @returns {Float32Array}
 */
export function readReadings(raw, columns, missing) {
  const values = Float32Array.from(Array.isArray(raw) || isNumeric(raw) ? rows(raw, columns) : byColumn(raw, columns));
  if (!values.length) throw new InputError(`expected at least one reading of ${columns.join(", ")}; got none`);
  const count = columns.length;
  for (let place = 0; place < values.length; place++) {
    if (Number.isNaN(values[place]) && missing === "previous" && place >= count) values[place] = values[place - count];
    if (!Number.isFinite(values[place])) {
      throw new InputError(wrongReading(values[place], Math.floor(place / count), columns[place % count], missing));
    }
  }
  return values;
}

/**
 * @param {unknown} raw
 * @returns {raw is import("./raws.js").Numeric}
 */
function isNumeric(raw) {
  return typeof raw === "object" && raw !== null && "data" in raw && "shape" in raw && ArrayBuffer.isView(raw.data);
}

/**
 * @param {unknown} raw
 * @param {string[]} columns
 */
function byColumn(raw, columns) {
  if (typeof raw !== "object" || raw === null) throw new InputError(`expected readings; got ${repr(raw)}`);
  const lacking = columns.filter((name) => !Object.hasOwn(raw, name));
  if (lacking.length) {
    throw new InputError(`expected columns ${columns.join(", ")}; got none called ${lacking.join(", ")}`);
  }
  const found = columns.map((name) => numbers(/** @type {any} */ (raw)[name], `channel ${name}`));
  if (found.some((each) => each.length !== found[0].length)) {
    const lengths = columns.map((name, channel) => `${name} ${found[channel].length}`).join(", ");
    throw new InputError(`expected as many readings of each channel; got ${lengths}`);
  }
  return found[0].flatMap((_, place) => found.map((each) => each[place]));
}

/**
 * @param {unknown[] | import("./raws.js").Numeric} raw
 * @param {string[]} columns
 */
function rows(raw, columns) {
  const count = columns.length;
  const named = `expected an array (readings, channels) with ${count} (${columns.join(", ")}) channels`;
  if (!Array.isArray(raw)) {
    const shape = raw.shape.length === 1 && count === 1 ? [raw.shape[0], 1] : raw.shape;
    if (shape.length !== 2 || shape[1] !== count) throw new InputError(`${named}; got shape ${raw.shape.join(" x ")}`);
    return Array.from(raw.data);
  }
  const nested = raw.map((row) => (Array.isArray(row) ? row : [row]));
  const wrong = nested.find((row) => row.length !== count);
  if (wrong) throw new InputError(`${named}; got a row of ${wrong.length}`);
  return numbers(nested.flat(), "readings");
}

/**
 * Return a list of numbers; null is NaN.
 *
 * @param {unknown} raw
 * @param {string} what
 */
function numbers(raw, what) {
  if (!Array.isArray(raw)) throw new InputError(`${what}: expected a list of numbers; got ${repr(raw)}`);
  const wrong = raw.find((value) => value !== null && typeof value !== "number" && typeof value !== "boolean");
  if (wrong !== undefined) throw new InputError(`${what}: expected numbers; got ${repr(wrong)}`);
  return raw.map((value) => (value === null ? NaN : Number(value)));
}

/**
 * @param {number} value
 * @param {number} place
 * @param {string} column
 * @param {typeof MISSING[number]} missing
 */
function wrongReading(value, place, column, missing) {
  const where = `at reading ${place} of channel ${column}`;
  if (!Number.isNaN(value)) return `expected finite numbers; got infinity ${where}; leave it out, or mend it`;
  if (missing === "fail") return `expected numbers; got NaN ${where}; mend it`;
  return `expected a reading to fill from; got NaN ${where}, and none before it; begin the series later`;
}
