// The pane of a table's row, of a series, or of an array: values as JSON, or as lines with commas.

import { EdgeError } from "../errors.js";
import { readValues } from "../values.js";
import { el } from "./elements.js";

/**
 * @typedef {import("../series.js").SeriesInput | import("../table.js").TableInput | import("../array.js").ArrayInput} Input
 */

const NAMES = { table: "Row", series: "Series", array: "Array" };

/**
 * @param {string} name
 * @param {Input} input
 * @param {() => void} changed
 * @returns {import("./panes.js").Pane}
 */
export function valuesPane(name, input, changed) {
  const id = `values-${name}`;
  const wrong = el("p", { class: "alert", role: "alert", hidden: true });
  const area = el("textarea", {
    id,
    rows: 9,
    spellcheck: "false",
    class: "values",
    placeholder: hint(input),
    input: changed,
  });
  const raw = () => {
    wrong.hidden = true;
    if (!area.value.trim()) return null;
    try {
      return readValues(area.value, input.kind === "table" ? "table" : "series");
    } catch (error) {
      if (!(error instanceof EdgeError)) throw error;
      wrong.textContent = error.message;
      wrong.hidden = false;
      return null;
    }
  };
  const show = (/** @type {unknown} */ example) => {
    area.value = JSON.stringify(
      input.kind === "table" ? example : nested(/** @type {import("../raws.js").Numeric} */ (example)),
      null,
      input.kind === "table" ? 1 : 0,
    );
  };
  const clear = () => {
    area.value = "";
    changed();
  };
  const what = NAMES[input.kind];
  const label = el(
    "label",
    { for: id },
    `${name === "input" ? what : `${what}: ${name}`}, as JSON or lines with commas`,
  );
  const element = el(
    "div",
    { class: "pane" },
    label,
    area,
    wrong,
    el("div", { class: "actions" }, el("button", { type: "button", click: clear }, "Clear")),
  );
  return { element, raw, show };
}

/** @param {Input} input */
function hint(input) {
  if (input.kind === "array") return `${input.shape.join(" × ")} numbers`;
  const { columns } = input;
  const shown = columns.slice(0, 8).join(",");
  return `${shown}${columns.length > 8 ? ",…" : ""}\n…`;
}

/**
 * @param {import("../raws.js").Numeric} example
 * @returns {unknown[]}
 */
function nested({ data, shape: [count, ...rest] }) {
  if (!rest.length) return Array.from(data);
  const size = data.length / count;
  const parts = Array.from({ length: count }, (_, place) => data.slice(place * size, (place + 1) * size));
  return parts.map((part) => nested({ data: part, shape: rest }));
}
