// JSON from a file that somebody may have edited: every field is taken with its type and its bounds.

import { BundleError } from "./errors.js";

const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]/u;
const NUMBERED = /^(0|[1-9]\d*)$/;
const HUGE = 1e300;

/**
 * Return the JSON value in `raw`.
 *
 * @param {Uint8Array} raw
 * @param {string} where names it in a message.
 * @returns {unknown}
 */
export function parse(raw, where) {
  try {
    return JSON.parse(decoded(raw));
  } catch (error) {
    throw new BundleError(`${where}: expected JSON; ${/** @type {Error} */ (error).message}; make the bundle again`);
  }
}

/** @param {Uint8Array} raw */
function decoded(raw) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
}

/** A JSON object, read field by field; what is wrong is told with the field's path, what was expected and what is there. */
export class Fields {
  /**
   * @param {Record<string, unknown>} values the object.
   * @param {string} where the file, and the path of the object in it, such as `manifest.json: network`.
   */
  constructor(values, where) {
    this.values = values;
    this.where = where;
  }

  /**
   * Return the fields of `value`, which must be an object.
   *
   * @param {unknown} value
   * @param {string} where
   */
  static of(value, where) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(where, "an object", value);
    return new Fields(/** @type {Record<string, unknown>} */ (value), where);
  }

  /** The names of the fields, each a line of text, in their order. */
  get names() {
    const names = Object.keys(this.values);
    const bad = names.find((name) => !isLine(name));
    if (bad !== undefined) throw wrong(this.where, "names of one line", bad);
    if (names.length > 1 && names.some((name) => NUMBERED.test(name))) {
      // JavaScript puts such names first, whatever their order in the file.
      throw new BundleError(`${this.where}: expected names that are no numbers, for a browser; got ${names[0]}`);
    }
    return names;
  }

  /** @param {string} name */
  has(name) {
    return Object.hasOwn(this.values, name);
  }

  /** @param {string} name */
  isNull(name) {
    return this.has(name) && this.values[name] === null;
  }

  /** Return the object in field `name`. @param {string} name */
  inner(name) {
    return Fields.of(this.#value(name), this.#at(name));
  }

  /**
   * Return the list `name`, as long as `least` to `most`, as the fields of its elements, by what reads one.
   *
   * @template T
   * @param {string} name
   * @param {number} least
   * @param {number} most
   * @param {(fields: Fields, place: string) => T} read
   * @returns {T[]}
   */
  many(name, least, most, read) {
    const value = this.#value(name);
    if (!Array.isArray(value) || value.length < least || value.length > most) {
      throw this.#wrong(name, `a list of ${least} to ${most} values`);
    }
    const fields = new Fields(/** @type {any} */ (value), this.#at(name));
    return Array.from(value, (_, place) => read(fields, String(place)));
  }

  /** Return one line of text without control characters, not empty. @param {string} name */
  line(name) {
    const value = this.#value(name);
    if (typeof value !== "string" || !isLine(value)) throw this.#wrong(name, "a line of text");
    return value;
  }

  /** Return a text of any length. @param {string} name */
  text(name) {
    const value = this.#value(name);
    if (typeof value !== "string") throw this.#wrong(name, "a text");
    return value;
  }

  /**
   * Return a whole number from `least` to `most`.
   *
   * @param {string} name
   * @param {number} least
   * @param {number} most
   */
  whole(name, least, most) {
    const value = this.#value(name);
    if (!isWhole(value, least, most)) throw this.#wrong(name, `a whole number from ${least} to ${most}`);
    return /** @type {number} */ (value);
  }

  /** Return a finite number. @param {string} name */
  number(name) {
    const value = this.#value(name);
    if (typeof value !== "number" || !(Math.abs(value) < HUGE)) throw this.#wrong(name, "a number");
    return value;
  }

  /** Return true or false. @param {string} name */
  truth(name) {
    const value = this.#value(name);
    if (typeof value !== "boolean") throw this.#wrong(name, "true or false");
    return value;
  }

  /**
   * Return one of the lines that are known.
   *
   * @template {string} T
   * @param {string} name
   * @param {readonly T[]} known
   * @returns {T}
   */
  oneOf(name, known) {
    const value = this.line(name);
    const found = known.find((each) => each === value);
    if (found === undefined) {
      const expected = `${known.slice(0, -1).join(", ")} or ${known[known.length - 1]}`;
      throw new BundleError(`${this.#at(name)}: expected ${expected}; got ${repr(value)}; update this page`);
    }
    return found;
  }

  /** @param {string} name */
  #value(name) {
    return this.has(name) ? this.values[name] : undefined;
  }

  /** @param {string} name */
  #at(name) {
    return `${this.where}${this.where.includes(": ") ? "." : ": "}${name}`;
  }

  /**
   * @param {string} name
   * @param {string} expected
   */
  #wrong(name, expected) {
    return wrong(this.#at(name), expected, this.#value(name));
  }
}

/** Say whether a text is one line that a person can read. @param {string} value */
export function isLine(value) {
  return value !== "" && !UNPRINTABLE.test(value);
}

/**
 * Say whether a JSON value is a whole number from `least` to `most`.
 *
 * @param {unknown} value
 * @param {number} least
 * @param {number} most
 */
export function isWhole(value, least, most) {
  return Number.isInteger(value) && least <= /** @type {number} */ (value) && /** @type {number} */ (value) <= most;
}

/**
 * Return the error for a field that is not as it should be.
 *
 * @param {string} where
 * @param {string} expected
 * @param {unknown} got
 */
function wrong(where, expected, got) {
  return new BundleError(`${where}: expected ${expected}; got ${repr(got)}; make the bundle again`);
}

/** Return a value as people are shown it. @param {unknown} value */
export function repr(value) {
  if (value === undefined) return "nothing";
  const text = typeof value === "string" ? `'${value}'` : JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
