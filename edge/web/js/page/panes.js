// Where a person hands in a raw value: one pane for each input of a bundle.

import { arrayPane } from "./array_pane.js";
import { audioPane } from "./audio_pane.js";
import { el } from "./elements.js";
import { imagePane } from "./image_pane.js";
import { textPane } from "./text_pane.js";
import { valuesPane } from "./values_pane.js";

/**
 * @typedef {object} Pane
 * @property {HTMLElement} element
 * @property {() => unknown} raw what was handed in; null where there is nothing yet.
 * @property {(raw: unknown) => void} show puts a raw value in, such as a golden example.
 * @property {() => void} [close] gives back what it holds, such as the microphone.
 */

/**
 * Return a pane for an input.
 *
 * @param {string} name of the input.
 * @param {import("../inputs.js").Input} input
 * @param {unknown[]} examples raw values of the golden examples.
 * @param {() => void} changed is called when there is another raw value.
 * @returns {Pane}
 */
export function paneOf(name, input, examples, changed) {
  const made = build(name, input, examples, changed);
  let next = 0;
  const show = () => {
    made.show(examples[next++ % examples.length]);
    changed();
  };
  made.element
    .querySelector(".actions")
    ?.append(
      el(
        "button",
        { type: "button", click: show, title: "One of the golden examples in the bundle" },
        "Try an example",
      ),
    );
  return made;
}

/**
 * @param {string} name
 * @param {import("../inputs.js").Input} input
 * @param {unknown[]} examples
 * @param {() => void} changed
 * @returns {Pane}
 */
function build(name, input, examples, changed) {
  switch (input.kind) {
    case "text":
      return textPane(name, changed);
    case "image":
      return imagePane(name, input, /** @type {import("../raws.js").Numeric[]} */ (examples), changed);
    case "audio":
      return audioPane(name, input, changed);
    case "array":
      return arrayPane(name, input, /** @type {import("../raws.js").Numeric[]} */ (examples), changed);
    case "series":
    case "table":
      return valuesPane(name, input, changed);
  }
}
