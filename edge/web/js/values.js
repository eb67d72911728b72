// Numbers and cells as people paste them: JSON, or lines with commas.

import { InputError } from "./errors.js";

/**
 * Return the value that a text holds.
 *
 * JSON is taken as it is. Of lines, the first may name the columns. Of a table the first row is read, as an object; of a
 * series all rows, as an object of columns, or as rows where no columns are named.
 *
 * @param {string} text
 * @param {"series" | "table"} kind
 * @returns {unknown}
 */
export function readValues(text, kind) {
  const trimmed = text.trim();
  if (/^[[{]/.test(trimmed)) {
    try {
      return JSON.parse(trimmed);
    } catch (error) {
      throw new InputError(`expected JSON, or lines with commas; got: ${/** @type {Error} */ (error).message}`);
    }
  }
  const [head, ...lines] = trimmed.split(/\r?\n/).map(cellsOf);
  const named = head.some((cell) => cell !== "" && Number.isNaN(Number(cell)));
  if (kind === "table") {
    if (!lines.length) throw new InputError("expected a line of columns, and a line of their values; got one line");
    return Object.fromEntries(head.map((name, place) => [name, lines[0][place] ?? null]));
  }
  if (!named) return [head, ...lines].map((row) => row.map(numberOf));
  return Object.fromEntries(head.map((name, place) => [name, lines.map((row) => numberOf(row[place] ?? ""))]));
}

/** @param {string} cell */
function numberOf(cell) {
  if (cell === "") return null;
  const number = Number(cell);
  if (Number.isNaN(number)) throw new InputError(`expected a number; got '${cell.slice(0, 40)}'`);
  return number;
}

/** Return the cells of a line; one in quotation marks may hold commas, and "" is a quotation mark. @param {string} line */
function cellsOf(line) {
  const found = [...line.matchAll(/(?:^|[,;\t])(?:\s*"((?:[^"]|"")*)"\s*|([^,;\t]*))/g)];
  return found.map(([, quoted, plain]) => (quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"')));
}
