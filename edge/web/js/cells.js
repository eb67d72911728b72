// The cells of a table: a number, a category or a date, told from a missing one.

import { InputError } from "./errors.js";
import { repr } from "./fields.js";

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?(?:(Z)|([+-])(\d\d):?(\d\d))?)?$/;
/** What is read of a date; `elapsed` are days since 1970 with the time of day, in UTC where a zone is given. */
export const PARTS = /** @type {const} */ (["year", "month", "day", "weekday", "hour", "elapsed"]);
const DAY = 24 * 60 * 60 * 1000;

/**
 * Return a cell as a number; null where it is missing.
 *
 * @param {unknown} cell
 * @param {ReadonlySet<string>} missing texts that stand for a missing cell.
 */
export function numberOf(cell, missing) {
  if (isMissing(cell, missing)) return null;
  const number = typeof cell === "string" && NUMBER.test(cell) ? Number(cell) : cell;
  if (typeof number !== "number") throw new InputError(`expected a number; got ${repr(cell)}`);
  if (!Number.isFinite(number)) throw new InputError(`expected a finite number; got ${number}`);
  return number;
}

/**
 * Return the name of a cell's category; null where it is missing. 1, 1.0 and "1" are one, as are true and "true".
 *
 * @param {unknown} cell
 * @param {ReadonlySet<string>} missing
 */
export function categoryOf(cell, missing) {
  if (isMissing(cell, missing)) return null;
  if (typeof cell === "number") return Number.isInteger(cell) ? BigInt(cell).toString() : written(cell);
  if (typeof cell === "string" || typeof cell === "boolean") return String(cell);
  throw new InputError(`expected a text or a number as a category; got ${repr(cell)}`);
}

/**
 * Return the `PARTS` of a date; null where it is missing. Monday is weekday 0.
 *
 * @param {unknown} cell
 * @param {ReadonlySet<string>} missing
 */
export function momentOf(cell, missing) {
  if (isMissing(cell, missing)) return null;
  const parts = typeof cell === "string" ? partsOf(cell.trim()) : null;
  if (!parts) throw new InputError(`expected a date such as 2026-11-23 or 2026-11-23T20:30; got ${repr(cell)}`);
  return parts;
}

/**
 * @param {unknown} cell
 * @param {ReadonlySet<string>} missing
 */
function isMissing(cell, missing) {
  return cell === null || cell === undefined || Number.isNaN(cell) || (typeof cell === "string" && missing.has(cell));
}

/** Write a number with a point as Python does. @param {number} value */
function written(value) {
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}

/** @param {string} text */
function partsOf(text) {
  const match = DATE.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const moment = new Date(0);
  moment.setUTCFullYear(year, month - 1, day);
  moment.setUTCHours(hour, minute, second);
  const same = moment.getUTCMonth() === month - 1 && moment.getUTCDate() === day && moment.getUTCHours() === hour;
  if (!same || year < 1 || minute > 59 || second > 59) return null;
  const zone = (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * (match[8] === "-" ? -1 : 1) * 60 * 1000;
  return [year, month, day, (moment.getUTCDay() + 6) % 7, hour, (moment.getTime() - zone) / DAY];
}
