// Which ids of a pruned vocabulary still have a row in the embedding.

import { BundleError } from "./errors.js";

const UNKNOWN = 1;

/**
 * The ids that still have a row.
 *
 * @typedef {object} Kept
 * @property {number} words ids of words before any was taken out; those of n-grams come behind them.
 * @property {number} rows of the embedding.
 * @property {(id: number) => boolean} has whether an id has a row.
 * @property {Int32Array} places the row of each id: that of the unknown word for a word without one, 0 for such an n-gram.
 */

/**
 * Return which ids have a row.
 *
 * @param {import("./fields.js").Fields} asked
 * @param {number} buckets ids of n-grams.
 * @returns {Kept}
 */
export function readKept(asked, buckets) {
  const words = asked.whole("words", 2, 2 ** 31 - 1 - buckets);
  const [bits, ids] = [fromBase64(asked.text("bits")), words + buckets];
  const has = (/** @type {number} */ id) => ((bits[id >> 3] >> (7 - (id & 7))) & 1) === 1;
  const rest = Array.from({ length: bits.length * 8 - ids }, (_, place) => ids + place);
  if (bits.length !== Math.ceil(ids / 8) || !has(0) || !has(1) || rest.some(has)) {
    const expected = `base64 of a bit for each of ${ids} ids, the first two set`;
    throw new BundleError(`${asked.where}.bits: expected ${expected}; got something else; make the bundle again`);
  }
  const places = new Int32Array(ids);
  let rows = 0;
  for (let id = 0; id < ids; id++) places[id] = has(id) ? rows++ : id < words ? UNKNOWN : 0;
  return { words, rows, has, places };
}

/** Return the bytes that base64 holds; none where it is not base64. @param {string} text */
export function fromBase64(text) {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
