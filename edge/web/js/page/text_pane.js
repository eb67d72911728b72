// The pane of a text: typed or pasted.

import { el } from "./elements.js";

/**
 * @param {string} name
 * @param {() => void} changed
 * @returns {import("./panes.js").Pane}
 */
export function textPane(name, changed) {
  const count = el("span", { class: "count" }, "");
  const id = `text-${name}`;
  const area = el("textarea", {
    id,
    rows: 9,
    spellcheck: "false",
    placeholder: "Type or paste here",
    input: () => told(),
  });
  const told = () => {
    const words = area.value.trim() ? area.value.trim().split(/\s+/).length : 0;
    count.textContent = words ? `${words} ${words === 1 ? "word" : "words"}` : "";
    changed();
  };
  const show = (/** @type {unknown} */ raw) => {
    area.value = String(raw);
    told();
  };
  const clear = el("button", { type: "button", click: () => (show(""), area.focus()) }, "Clear");
  const label = name === "input" ? "Text" : `Text: ${name}`;
  const element = el(
    "div",
    { class: "pane" },
    el("label", { for: id }, label),
    area,
    el("div", { class: "actions" }, clear, count),
  );
  return { element, raw: () => (area.value.trim() ? area.value : null), show };
}
