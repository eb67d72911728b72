// From a row of a table to samples: one (id, value) a field, in groups.
//
// Legend: F fields, U units, S samples of a unit.

import { categoryOf, momentOf, numberOf } from "./cells.js";
import { InputError } from "./errors.js";
import { readLevels } from "./levels.js";
import { MOST_ROWS, kindOf, readField, sampled, wrong } from "./table_fields.js";
import { sum } from "./views.js";

const LEVELS = ["group", "row"];
const MOST_FIELDS = 65_536;

/**
 * The fitted numbers that turn a row into ids and values.
 *
 * @typedef {object} TableInput
 * @property {"table"} kind
 * @property {1} axes
 * @property {Map<string, import("./levels.js").Window>} levels finest first.
 * @property {Map<string, number>} channels numbers of a sample, by level that reads fields: id and value.
 * @property {import("./table_fields.js").Field[]} fields all F of them, group after group.
 * @property {string[]} columns that a row must hold.
 * @property {number[][]} lengths samples of each unit, by level, the same for every row.
 * @property {Set<string>} missing texts that stand for a missing cell.
 * @property {string[]} unused columns that a row may hold, but that are not read.
 */

/**
 * Read one row at every level, without padding.
 *
 * @param {TableInput} input
 * @param {unknown} raw
 * @returns {import("./views.js").Views}
 */
export function tableViews(input, raw) {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw new InputError(`expected a row as an object of column to value; got ${typeof raw}`);
  }
  const row = /** @type {Record<string, unknown>} */ (raw);
  requireColumns(input, row);
  let first = 1;
  const samples = input.fields.flatMap((field) => {
    const sample = sampledCell(input, field, first, row[field.column]);
    first += field.rows;
    return sample;
  });
  const data = Float32Array.from(samples);
  const levels = [...input.levels.values()];
  return {
    samples: levels.map(({ scale }) => (scale === null ? null : { data, channels: 2 })),
    lengths: input.lengths,
  };
}

/**
 * @param {TableInput} input
 * @param {import("./table_fields.js").Field} field
 * @param {number} first id of the field.
 * @param {unknown} cell
 */
function sampledCell({ missing }, field, first, cell) {
  try {
    if (field.part === null) {
      return sampled(field, first, kindOf(field) === "number" ? numberOf(cell, missing) : categoryOf(cell, missing));
    }
    const part = momentOf(cell, missing)?.[field.part] ?? null;
    return sampled(field, first, part !== null && field.kind === "category" ? Math.trunc(part) : part);
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${field.column}: ${error.message}`) : error;
  }
}

/**
 * @param {TableInput} input
 * @param {Record<string, unknown>} row
 */
function requireColumns({ columns, unused }, row) {
  const lacking = columns.find((column) => !Object.hasOwn(row, column));
  if (lacking !== undefined) {
    throw new InputError(`expected column ${lacking}; it is missing; give null where its value is not known`);
  }
  const unknown = Object.keys(row).find((column) => !columns.includes(column) && !unused.includes(column));
  if (unknown !== undefined) {
    throw new InputError(`expected columns ${columns.join(", ")}; got ${unknown} too; leave it out`);
  }
}

/**
 * Return the table that a manifest describes.
 *
 * @param {import("./fields.js").Fields} asked
 * @returns {TableInput}
 */
export function readTable(asked) {
  const groups = asked.inner("groups");
  const listed = groups.names.map((name) =>
    groups.many(name, 1, MOST_FIELDS, (group, place) => readField(group.inner(place))),
  );
  if (!listed.length) throw wrong(asked, "groups", "at least one group", "none");
  const levels = readLevels(asked.inner("levels"), LEVELS);
  const sizes = listed.map((group) => group.length);
  const whole = levels.get("row")?.scale === null ? sizes.length : sum(sizes);
  const fields = listed.flat();
  const reading = [...levels].filter(([, window]) => window.scale !== null);
  const table = /** @type {TableInput} */ ({
    kind: "table",
    axes: 1,
    levels,
    channels: new Map(reading.map(([name]) => [name, 2])),
    fields,
    columns: [...new Set(fields.map((field) => field.column))],
    lengths: [...levels.keys()].map((name) => (name === "group" ? sizes : [whole])),
    missing: new Set(asked.many("missing", 0, MOST_FIELDS, (texts, place) => texts.text(place))),
    unused: asked.many("unused", 0, MOST_FIELDS, (texts, place) => texts.text(place)),
  });
  requireFit(asked, table);
  return table;
}

/**
 * Refuse fields and levels that contradict each other.
 *
 * @param {import("./fields.js").Fields} asked
 * @param {TableInput} table
 */
function requireFit(asked, { fields, columns, levels, lengths }) {
  const kinds = new Set(fields.map((field) => JSON.stringify([field.column, kindOf(field)])));
  if (kinds.size > columns.length) throw wrong(asked, "groups", "columns of one kind", "one of two");
  const rows = 1 + sum(fields.map((field) => field.rows));
  if (rows > MOST_ROWS) throw wrong(asked, "groups", `at most ${MOST_ROWS} ids`, `${rows}`);
  [...levels].forEach(([name, { length, scale }], place) => {
    if (scale !== null && scale !== 1) throw wrong(asked, `levels.${name}.scale`, "1 or null", `${scale}`);
    const most = Math.max(...lengths[place]);
    if (length < most) throw wrong(asked, `levels.${name}.length`, `at least ${most}`, `${length}`);
  });
}
