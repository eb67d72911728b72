// WordPiece: the ids of a pre-trained encoder's own tokenizer.
//
// The rules are those of mgdist_edge.wordpiece. Characters that are newer than the browser or than Python are told apart
// by each one's own tables.

import { BundleError } from "./errors.js";
import { isWhole } from "./fields.js";

const PREFIX = "##";
/** Tokens that each unit gets: one in front and one behind. */
export const MARKS = 2;

const MOST_CHARACTERS = 10_000;
const CONTROL = /[\ufffd\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
const SPACES = /[\x20\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;
const CHINESE = new RegExp(
  "[\u{4e00}-\u{9fff}\u{3400}-\u{4dbf}\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}" +
    "\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{f900}-\u{faff}\u{2f800}-\u{2fa1f}]",
  "gu",
);
/** Punctuation, and all ASCII characters that are no letters and digits. */
const MARK = /[\p{P}$+<=>^`|~]/gu;

/** Rules and vocabulary of a tokenizer. */
export class WordPiece {
  /**
   * @param {object} rules
   * @param {Map<string, number>} rules.vocabulary piece -> id; 0 is the padding.
   * @param {string} rules.unknown the piece of a word that no pieces make.
   * @param {string} rules.begin the piece in front of each unit.
   * @param {string} rules.end the piece behind each unit.
   * @param {boolean} rules.lowercase read capital letters as small ones.
   * @param {boolean} rules.stripAccents read letters without their accents.
   * @param {boolean} rules.chinese read each Chinese character as a word.
   * @param {number} rules.longest characters of a word at most; a longer one is unknown.
   */
  constructor(rules) {
    this.rules = rules;
  }

  /** Return the ids of a text's pieces, without those around a unit. @param {string} text */
  ids(text) {
    return this.words(text).flatMap((word) => this.#pieces(word));
  }

  /** Put the tokens in front of and behind a unit's ids. @param {number[]} ids */
  unit(ids) {
    return [this.#id(this.rules.begin), ...ids, this.#id(this.rules.end)];
  }

  /** Return the normalised words and punctuation marks of a text, in order. @param {string} text */
  words(text) {
    const { chinese, stripAccents, lowercase } = this.rules;
    let clean = text.replace(/[\t\n\r]/g, " ").replace(CONTROL, "");
    if (chinese) clean = clean.replace(CHINESE, " $& ");
    if (stripAccents) clean = clean.normalize("NFD").replace(/\p{Mn}/gu, "");
    if (lowercase) clean = clean.replaceAll("\u03a3", "\u03c3").toLowerCase();
    return clean.replace(MARK, " $& ").split(SPACES).filter(Boolean);
  }

  /** Cover a word with the longest pieces that there are, from its front. @param {string} word */
  #pieces(word) {
    const characters = Array.from(word);
    const unknown = [this.#id(this.rules.unknown)];
    if (characters.length > this.rules.longest) return unknown;
    const found = [];
    for (let start = 0, stop; start < characters.length; start = stop) {
      let piece;
      for (stop = characters.length; stop > start; stop--) {
        piece = this.rules.vocabulary.get((start ? PREFIX : "") + characters.slice(start, stop).join(""));
        if (piece !== undefined) break;
      }
      if (piece === undefined) return unknown;
      found.push(piece);
    }
    return found;
  }

  /** @param {string} piece */
  #id(piece) {
    return /** @type {number} */ (this.rules.vocabulary.get(piece));
  }
}

/**
 * Return the rules and the vocabulary of a tokenizer.json.
 *
 * @param {import("./fields.js").Fields} fields of the file.
 * @param {number | null} ids how many there were before the vocabulary was pruned; null where every id has its piece.
 */
export function readWordpiece(fields, ids) {
  const [model, normal] = [fields.inner("model"), fields.inner("normalizer")];
  requireLine(model, "type", "WordPiece");
  requireLine(model, "continuing_subword_prefix", PREFIX);
  requireLine(normal, "type", "BertNormalizer");
  requireLine(fields.inner("pre_tokenizer"), "type", "BertPreTokenizer");
  if (!normal.truth("clean_text")) throw new BundleError(`${normal.where}.clean_text: expected true; got false`);
  const [begin, end] = readMarks(fields.inner("post_processor"));
  const lowercase = normal.truth("lowercase");
  const rules = {
    vocabulary: readVocabulary(model, ids),
    unknown: model.line("unk_token"),
    begin,
    end,
    lowercase,
    stripAccents: normal.values.strip_accents == null ? lowercase : normal.truth("strip_accents"),
    chinese: normal.truth("handle_chinese_chars"),
    longest: model.whole("max_input_chars_per_word", 1, MOST_CHARACTERS),
  };
  for (const piece of [rules.unknown, begin, end]) {
    if (!rules.vocabulary.has(piece)) {
      throw new BundleError(`${model.where}.vocab: expected ${piece} in it; it is missing`);
    }
  }
  return new WordPiece(rules);
}

/**
 * @param {import("./fields.js").Fields} fields
 * @param {string} name
 * @param {string} expected
 */
function requireLine(fields, name, expected) {
  const got = fields.line(name);
  if (got !== expected) throw new BundleError(`${fields.where}.${name}: expected ${expected}; got '${got}'`);
}

/**
 * Return the pieces in front of and behind a unit.
 *
 * @param {import("./fields.js").Fields} post
 */
function readMarks(post) {
  if (post.line("type") === "BertProcessing") {
    return ["cls", "sep"]
      .map((name) => post.many(name, 2, 2, (listed, place) => listed.values[Number(place)])[0])
      .map(String);
  }
  const single = post.many("single", 3, 3, (listed, place) => listed.inner(place));
  return [single[0], single[2]].map((mark) => mark.inner("SpecialToken").line("id"));
}

/**
 * @param {import("./fields.js").Fields} model
 * @param {number | null} most
 */
function readVocabulary(model, most) {
  const pieces = Object.entries(model.inner("vocab").values);
  const last = (most ?? pieces.length) - 1;
  const ids = new Set(pieces.map(([, id]) => id).filter((id) => isWhole(id, 0, last)));
  if (pieces.length < 4 || ids.size !== pieces.length) {
    throw new BundleError(`${model.where}.vocab: expected every id from 0 once; got others`);
  }
  return new Map(/** @type {[string, number][]} */ (pieces));
}
