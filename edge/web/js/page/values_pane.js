// The pane of a table's row, or of a series: values as JSON, or as lines with commas.

import { EdgeError } from "../errors.js";
import { readValues } from "../values.js";
import { el } from "./elements.js";

/**
 * @param {string} name
 * @param {import("../series.js").SeriesInput | import("../table.js").TableInput} input
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
      return readValues(area.value, input.kind);
    } catch (error) {
      if (!(error instanceof EdgeError)) throw error;
      wrong.textContent = error.message;
      wrong.hidden = false;
      return null;
    }
  };
  const show = (/** @type {unknown} */ example) => {
    area.value = JSON.stringify(
      input.kind === "table" ? example : nested(/** @type {any} */ (example)),
      null,
      input.kind === "table" ? 1 : 0,
    );
  };
  const clear = () => {
    area.value = "";
    changed();
  };
  const what = input.kind === "table" ? "Row" : "Series";
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

/** @param {import("../series.js").SeriesInput | import("../table.js").TableInput} input */
function hint({ columns }) {
  const shown = columns.slice(0, 8).join(",");
  return `${shown}${columns.length > 8 ? ",…" : ""}\n…`;
}

/** @param {import("../raws.js").Numeric} example */
function nested({ data, shape }) {
  const columns = shape[1] ?? 1;
  return Array.from({ length: shape[0] }, (_, row) => Array.from(data.slice(row * columns, (row + 1) * columns)));
}
