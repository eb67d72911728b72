// The fitted inputs in a bundle: a few fields of the manifest, and tokenizer.json where one reads text.

import { arrayViews, readArray } from "./array.js";
import { audioViews, readAudio } from "./audio.js";
import { BundleError } from "./errors.js";
import { Fields, isWhole, parse } from "./fields.js";
import { imageViews, readImage } from "./image.js";
import { readKept } from "./kept.js";
import { readSeries, seriesViews } from "./series.js";
import { readTable, tableViews } from "./table.js";
import { textViews } from "./text.js";
import { MARKS, readWordpiece } from "./wordpiece.js";

/**
 * What turns raw into views.
 *
 * @typedef {import("./text.js").TextInput | import("./image.js").ImageInput | import("./series.js").SeriesInput |
 *   import("./audio.js").AudioInput | import("./table.js").TableInput | import("./array.js").ArrayInput} Input
 */

const KINDS = /** @type {const} */ (["text", "image", "series", "audio", "table", "array"]);
const LEVELS = ["word", "sentence", "paragraph"];
const CUTS = /** @type {const} */ (["sentences", "windows"]);
const ONLY_INPUT = "input";
const [PADDING, UNKNOWN] = ["<PAD>", "<UNKNOWN>"];
const LONGEST = 4096;
const MOST_IDS = 2 ** 31 - 1;

/**
 * Cut one raw value into views.
 *
 * @param {Input} input
 * @param {unknown} raw
 * @returns {import("./views.js").Views}
 */
export function viewsOf(input, raw) {
  switch (input.kind) {
    case "text":
      return textViews(input, raw);
    case "image":
      return imageViews(input, raw);
    case "series":
      return seriesViews(input, raw);
    case "audio":
      return audioViews(input, raw);
    case "table":
      return tableViews(input, raw);
    case "array":
      return arrayViews(input, raw);
  }
}

/**
 * Return the input that a manifest and the files beside it describe.
 *
 * @param {string} name of the input.
 * @param {Fields} asked the manifest's fields of it.
 * @param {Map<string, Uint8Array>} parts the files of the bundle.
 * @returns {Input}
 */
export function readInput(name, asked, parts) {
  switch (asked.oneOf("kind", KINDS)) {
    case "text": {
      const file = name === ONLY_INPUT ? "tokenizer.json" : `tokenizer.${name}.json`;
      const part = parts.get(file);
      if (!part) throw new BundleError(`expected ${file} in its archive; got none; make the bundle again`);
      return readText(asked, part, file);
    }
    case "image":
      return readImage(asked);
    case "series":
      return readSeries(asked);
    case "audio":
      return readAudio(asked);
    case "table":
      return readTable(asked);
    case "array":
      return readArray(asked);
  }
}

/**
 * @param {Fields} asked
 * @param {Uint8Array} tokenizer
 * @param {string} file
 * @returns {import("./text.js").TextInput}
 */
function readText(asked, tokenizer, file) {
  const order = asked.whole("order", 1, 3);
  const kept = asked.has("kept") ? readKept(asked.inner("kept"), asked.whole("buckets", 0, MOST_IDS)) : null;
  const fields = Fields.of(parse(tokenizer, file), file);
  const pieces = fields.inner("model").line("type") === "WordPiece" ? readPieces(fields, kept) : null;
  const { vocabulary, lowercase } = pieces ? pieces.rules : readWords(fields, kept);
  if (kept && ![...vocabulary.values()].every(kept.has)) {
    throw new BundleError(`${asked.where}.kept.bits: expected one set for each word of ${file}; make the bundle again`);
  }
  if (asked.truth("lowercase") !== lowercase) {
    const expected = "one, if the manifest's input has lowercase";
    throw new BundleError(`${file}: normalizer: expected ${expected}; got otherwise; make the bundle again`);
  }
  const words = kept ? kept.words : vocabulary.size;
  const buckets = asked.whole("buckets", order === 1 ? 0 : 1, MOST_IDS - words);
  const levels = readTextLevels(asked.inner("levels"));
  if (pieces && /** @type {import("./levels.js").Window} */ (levels.get("word")).length <= MARKS) {
    const where = `${asked.where}.levels.word`;
    throw new BundleError(`${where}: expected more than ${MARKS} tokens; make the bundle again`);
  }
  const rows = kept ? kept.rows : words + buckets;
  const channels = new Map([["word", order]]);
  const windows = asked.has("cut") && asked.oneOf("cut", CUTS) === "windows";
  const ids = { order, words, buckets, rows, kept };
  return { kind: "text", axes: 1, levels, channels, vocabulary, lowercase, pieces, windows, ...ids };
}

/**
 * @param {Fields} levels
 * @returns {Map<string, import("./levels.js").Window>}
 */
function readTextLevels(levels) {
  const names = Object.keys(levels.values);
  if (!names.includes("word") || names.join() !== LEVELS.filter((name) => names.includes(name)).join()) {
    const expected = "word, sentence and paragraph in this order, the last two if wanted";
    throw new BundleError(`${levels.where}: expected ${expected}; got ${names.join(", ")}; make the bundle again`);
  }
  return new Map(
    names.map((name, place) => [name, { length: levels.whole(name, 1, LONGEST), scale: place ? null : 1 }]),
  );
}

/**
 * @param {Fields} fields
 * @param {import("./kept.js").Kept | null} kept
 */
function readPieces(fields, kept) {
  const pieces = readWordpiece(fields, kept ? kept.words : null);
  const { vocabulary, unknown, begin, end } = pieces.rules;
  if ([unknown, begin, end].some((name) => vocabulary.get(name) === 0)) {
    throw new BundleError(`${fields.where}: model.vocab: expected 0 to be the padding; make the bundle again`);
  }
  return pieces;
}

/**
 * Return the vocabulary, and whether it is one of small letters.
 *
 * @param {Fields} fields
 * @param {import("./kept.js").Kept | null} kept
 */
function readWords(fields, kept) {
  const entries = Object.entries(fields.inner("model").inner("vocab").values);
  const last = (kept ? kept.words : entries.length) - 1;
  const ids = new Set(entries.map(([, id]) => id).filter((id) => isWhole(id, 0, last)));
  const vocabulary = new Map(/** @type {[string, number][]} */ (entries));
  if (ids.size !== vocabulary.size || vocabulary.get(PADDING) !== 0 || vocabulary.get(UNKNOWN) !== 1) {
    const expected = `${PADDING}: 0, ${UNKNOWN}: 1, and every other id up to ${last} once`;
    throw new BundleError(`${fields.where}: model.vocab: expected ${expected}; got others; make the bundle again`);
  }
  return { vocabulary, lowercase: fields.values.normalizer != null };
}
