// From a text to ids: paragraphs, sentences, words, and hashed n-grams.

import { crc32 } from "./archive.js";
import { InputError } from "./errors.js";
import { sum, unitsOf } from "./views.js";
import { MARKS } from "./wordpiece.js";

// What Python takes for space, less the line end; JavaScript's \s has one more character, and lacks five.
const BLANK = "\\t\\v\\f\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACE = `\\n${BLANK}`;
const WORD = "\\p{L}\\p{N}_";
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}${SPACE}]`, "gu");
const BLANK_LINE = `\\n[${BLANK}]*\\n[${SPACE}]*`;
const PARAGRAPHS = new RegExp(BLANK_LINE, "gu");
const SENTENCES = new RegExp(`(?<=[.!?])["')\\]]*[${SPACE}]+|${BLANK_LINE}`, "gu");

/** Keys from here on are of words that are not in the vocabulary. */
const STRANGER = 2 ** 31;
/** Characters of a text that are read; the rest could not reach the network anyway. */
const LONGEST = 1_000_000;

/**
 * The fitted numbers that turn a text into ids.
 *
 * @typedef {object} TextInput
 * @property {"text"} kind
 * @property {1} axes
 * @property {Map<string, import("./levels.js").Window>} levels word, and where wanted sentence and paragraph.
 * @property {Map<string, number>} channels ids of a sample, by level that reads a raw view.
 * @property {Map<string, number>} vocabulary word -> id; `<PAD>` is 0, `<UNKNOWN>` is 1.
 * @property {boolean} lowercase read capital letters as small ones.
 * @property {number} order longest n-gram with an id of its own; 1 is words only.
 * @property {number} words ids of words; those of n-grams come behind them.
 * @property {number} buckets ids that the hashed n-grams share.
 * @property {number} rows of the embedding: one for each id, or for each that was kept.
 * @property {import("./wordpiece.js").WordPiece | null} pieces the tokenizer of a pre-trained encoder, in place of words.
 * @property {import("./kept.js").Kept | null} kept which ids still have a row; null where all have one.
 * @property {boolean} windows units are full ones wherever sentences end.
 */

/**
 * Where a piece of a text stands: its first character, and the first one behind it.
 *
 * @typedef {{from: number, to: number}} Place
 */

/**
 * Cut a text into ids.
 *
 * Words beyond a unit go on in the next one; what is beyond the last unit of the coarsest level is left out.
 *
 * @param {TextInput} input
 * @param {unknown} raw
 * @returns {import("./views.js").Views}
 */
export function textViews(input, raw) {
  if (typeof raw !== "string") throw new InputError(`expected a text; got ${typeof raw}`);
  const nested = parts(input, first(raw, LONGEST))
    .map((part) => units(input, part))
    .filter((found) => found.length);
  if (!nested.length) throw new InputError("expected a text with at least one word; got an empty one");
  const lengths = lengthsOf(
    nested,
    [...input.levels.values()].map((window) => window.length),
  );
  const keys = Uint32Array.from(nested.flat(2).slice(0, sum(lengths[0])));
  const ids = ngrams(keys, lengths[0], input);
  const rows = input.kept ? ids.map((id) => /** @type {import("./kept.js").Kept} */ (input.kept).places[id]) : ids;
  return { samples: [{ data: rows, channels: input.order }, ...Array(lengths.length - 1).fill(null)], lengths };
}

/**
 * Return the first characters of a text; a character of two halves is one.
 *
 * @param {string} text
 * @param {number} count
 */
function first(text, count) {
  return text.length <= count
    ? text
    : Array.from(text.slice(0, 2 * count))
        .slice(0, count)
        .join("");
}

/**
 * @param {TextInput} input
 * @param {string} text
 */
function parts(input, text) {
  return cuts(input, "paragraph") ? text.split(PARAGRAPHS) : [text];
}

/**
 * Say whether a text is cut where its sentences, or its paragraphs, end.
 *
 * @param {TextInput} input
 * @param {string} level
 */
function cuts(input, level) {
  return input.levels.has(level) && !input.windows;
}

/**
 * Return the keys of the words in each unit of the finest level, at most as many as that level allows.
 *
 * @param {TextInput} input
 * @param {string} part
 */
function units(input, part) {
  const word = /** @type {import("./levels.js").Window} */ (input.levels.get("word"));
  const longest = word.length - (input.pieces ? MARKS : 0);
  const found = [];
  for (const piece of cuts(input, "sentence") ? part.split(SENTENCES) : [part]) {
    const all = keysOf(input, piece);
    const keys = input.levels.size === 1 ? all.slice(0, longest) : all;
    for (let start = 0; start < keys.length; start += longest) {
      const unit = keys.slice(start, start + longest);
      found.push(input.pieces ? input.pieces.unit(unit) : unit);
    }
  }
  return found;
}

/**
 * @param {TextInput} input
 * @param {string} text
 */
function keysOf(input, text) {
  if (input.pieces) return input.pieces.ids(text);
  return wordsOf(text, input.lowercase).map((word) => input.vocabulary.get(word) || stranger(word));
}

/**
 * Return the words and the punctuation marks of a text, in order.
 *
 * @param {string} text
 * @param {boolean} lowercase
 * @returns {string[]}
 */
export function wordsOf(text, lowercase) {
  // A capital sigma at the end of a word becomes another letter than elsewhere, in some programs.
  return (lowercase ? text.replaceAll("\u03a3", "\u03c3").toLowerCase() : text).match(WORDS) ?? [];
}

/**
 * Return where the sentences of a text stand, with their marks at the end; those without a word are left out.
 *
 * @param {string} text
 * @returns {Place[]}
 */
export function sentencePlaces(text) {
  const found = [];
  let from = 0;
  for (const gap of [...text.matchAll(SENTENCES), { 0: "", index: text.length }]) {
    const to = gap.index + (/^["')\]]*/.exec(gap[0])?.[0].length ?? 0);
    if (text.slice(from, to).match(WORDS)) found.push({ from, to });
    from = gap.index + gap[0].length;
  }
  return found;
}

/**
 * Return where the words of a text stand, without its punctuation marks.
 *
 * @param {string} text
 * @returns {Place[]}
 */
export function wordPlaces(text) {
  return [...text.matchAll(new RegExp(`[${WORD}]+`, "gu"))].map((word) => ({
    from: word.index,
    to: word.index + word[0].length,
  }));
}

/**
 * Return the lengths of each level's units, from paragraphs of sentences of ids.
 *
 * @param {number[][][]} nested
 * @param {number[]} longest
 */
function lengthsOf(nested, longest) {
  const lengths = [nested.flat().map((unit) => unit.length)];
  if (longest.length === 3) lengths.push(nested.flatMap((found) => unitsOf(found.length, longest[1])));
  if (longest.length > 1) {
    lengths.push([Math.min(lengths[lengths.length - 1].length, longest[longest.length - 1])]);
    for (let level = lengths.length - 2; level >= 0; level--) {
      lengths[level] = lengths[level].slice(0, sum(lengths[level + 1]));
    }
  }
  return lengths;
}

/**
 * Return the key of a word that is not in the vocabulary: the CRC-32 of its UTF-8 bytes, with the highest bit set.
 *
 * @param {string} word
 */
function stranger(word) {
  return (crc32(new TextEncoder().encode(word)) | STRANGER) >>> 0;
}

/**
 * Put beside each word's id those of the n-grams that end at it.
 *
 * @param {Uint32Array} keys (T,) of the words: the id of a known one, `stranger` of another.
 * @param {number[]} lengths (N,) words of each unit; an n-gram does not cross units.
 * @param {TextInput} input
 * @returns {Int32Array} (T, order); the word's id comes first, and 0 stands where an n-gram would begin before its unit.
 */
function ngrams(keys, lengths, { order, words, buckets }) {
  const ids = new Int32Array(keys.length * order);
  let start = 0;
  for (const length of lengths) {
    for (let place = 0; place < length; place++) {
      const t = start + place;
      ids[t * order] = keys[t] < STRANGER ? keys[t] : 1;
      for (let n = 2; n <= Math.min(order, place + 1); n++)
        ids[t * order + n - 1] = words + (hash(keys, t, n) % buckets);
    }
    start += length;
  }
  return ids;
}

/**
 * Hash the n keys up to place t, the last one first: FNV-1a over whole keys, then two rounds of mixing.
 *
 * @param {Uint32Array} keys
 * @param {number} t
 * @param {number} n
 */
function hash(keys, t, n) {
  let mixed = 2166136261;
  for (let back = 0; back < n; back++) mixed = Math.imul(mixed ^ keys[t - back], 16777619);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 12)) >>> 0;
}
