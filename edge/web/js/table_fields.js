// One field of a table: which ids it has, and how a cell becomes an id and a value.
//
// Every field owns consecutive ids. The first is that of a missing cell; a number has one more; categories, and numbers that
// are told apart by their value, have one for those that were not seen often enough, and one each.

import { PARTS } from "./cells.js";
import { BundleError, InputError } from "./errors.js";

/** Ids at most. */
export const MOST_ROWS = 2 ** 24;
const MOST_KNOTS = 10_000;
/** Scaled numbers are below this. */
const FURTHEST = 1e6;

/**
 * @typedef {{kind: "standard", mean: number, std: number}} Standard
 * @typedef {{kind: "quantile", knots: number[], places: number[]}} Quantiles
 * @typedef {{kind: "piece", low: number, high: number}} Piece
 * @typedef {Standard | Quantiles | Piece} Scale what brings a number near to 0.
 *
 * @typedef {object} Field
 * @property {"number" | "category" | "value"} kind
 * @property {string} column where it stands.
 * @property {number | null} part which part of the column's date; null where it holds none.
 * @property {Scale | null} scale of a number.
 * @property {Map<string | number, number> | null} own categories or values with a vector of their own, and their places.
 * @property {number} rows ids of the field.
 */

/** Say what a field's column holds. @param {Field} field */
export function kindOf(field) {
  if (field.part !== null) return "date";
  return field.kind === "category" ? "category" : "number";
}

/**
 * Return id and value of a cell, or of the part of a date.
 *
 * @param {Field} field
 * @param {number} first id of the field.
 * @param {string | number | null} value
 * @returns {[number, number]}
 */
export function sampled(field, first, value) {
  if (value === null) return [first, 1];
  if (field.own) return [first + (field.own.get(field.kind === "value" ? value : String(value)) ?? 1), 1];
  const found = scaled(/** @type {Scale} */ (field.scale), Number(value));
  if (!(Math.abs(found) < FURTHEST)) {
    const expected = `a number within ${FURTHEST} standard deviations of the training rows`;
    throw new InputError(`expected ${expected}; got ${value}`);
  }
  return [first + 1, found];
}

/**
 * @param {Scale} scale
 * @param {number} number
 */
function scaled(scale, number) {
  if (scale.kind === "standard") return (number - scale.mean) / scale.std;
  if (scale.kind === "piece") return Math.min(1, Math.max(0, (number - scale.low) / (scale.high - scale.low)));
  const { knots, places } = scale;
  const above = knots.findIndex((knot) => knot >= number);
  if (above === -1) return places[places.length - 1];
  if (above === 0 || knots[above] === number) return places[above];
  const share = (number - knots[above - 1]) / (knots[above] - knots[above - 1]);
  return places[above - 1] + share * (places[above] - places[above - 1]);
}

/**
 * Return the field that a manifest describes.
 *
 * @param {import("./fields.js").Fields} fields
 * @returns {Field}
 */
export function readField(fields) {
  const column = fields.text("column");
  const told = fields.values.part == null ? null : fields.text("part");
  const part = told === null ? null : PARTS.findIndex((each) => each === told);
  if (part === -1) throw wrong(fields, "part", `one of ${PARTS.join(", ")}`, `'${told}'`);
  const kind = fields.oneOf("kind", /** @type {const} */ (["number", "category", "value"]));
  if (kind === "number") {
    return { kind, column, part, scale: readScale(fields.inner("scale")), own: null, rows: 2 };
  }
  const listing = kind === "value" ? "values" : "categories";
  const named = fields.many(listing, 0, MOST_ROWS, (listed, place) =>
    kind === "value" ? listed.number(place) : listed.text(place),
  );
  const own = new Map(named.map((each, place) => [each, 2 + place]));
  if (own.size !== named.length) throw wrong(fields, listing, "different ones", "one twice");
  return { kind, column, part, scale: null, own, rows: 2 + named.length };
}

/**
 * @param {import("./fields.js").Fields} fields
 * @returns {Scale}
 */
function readScale(fields) {
  const kind = fields.oneOf("kind", /** @type {const} */ (["standard", "quantile", "piece"]));
  if (kind === "standard") {
    const std = fields.number("std");
    if (std <= 0) throw wrong(fields, "std", "a number above 0", `${std}`);
    return { kind, mean: fields.number("mean"), std };
  }
  if (kind === "piece") {
    const [low, high] = [fields.number("low"), fields.number("high")];
    if (low >= high) throw wrong(fields, "high", `a number above ${low}`, `${high}`);
    return { kind, low, high };
  }
  const knots = fields.many("knots", 1, MOST_KNOTS, (listed, place) => listed.number(place));
  const places = fields.many("places", knots.length, knots.length, (listed, place) => listed.number(place));
  if (knots.some((knot, place) => place > 0 && knot <= knots[place - 1])) {
    throw wrong(fields, "knots", "rising numbers", "others");
  }
  return { kind, knots, places };
}

/**
 * Return the error for a field that contradicts the rest.
 *
 * @param {import("./fields.js").Fields} fields
 * @param {string} name
 * @param {string} expected
 * @param {string} got
 */
export function wrong(fields, name, expected, got) {
  return new BundleError(`${fields.where}.${name}: expected ${expected}; got ${got}; make the bundle again`);
}
