// The pane of an image: drawn, chosen or photographed.

import { framed, framing } from "../drawing.js";
import { EdgeError } from "../errors.js";
import { decodePicture, pixelsOf } from "../pixels.js";
import { SIDE, board } from "./board.js";
import { el, fileButton } from "./elements.js";
import { drawPixels } from "./picture.js";

/**
 * @param {string} name
 * @param {Pick<import("../image.js").ImageInput, "size" | "mean" | "resize">} input
 * @param {import("../raws.js").Numeric[]} examples
 * @param {() => void} changed
 * @returns {import("./panes.js").Pane}
 */
export function imagePane(name, input, examples, changed) {
  const { size, mean } = input;
  const shape = [size.rows, size.columns, mean.length];
  const seen = el("div", { class: "seen" });
  const wrong = el("p", { class: "alert", role: "alert", hidden: true });
  /** @type {import("../raws.js").Numeric | null} */
  let raw = null;
  const take = (/** @type {Uint8Array | null} */ data) => {
    raw = data && { data, shape };
    wrong.hidden = true;
    seen.replaceChildren(
      ...(raw ? [drawPixels(raw, input, [], "What the model sees"), el("p", {}, seenAs(size))] : []),
    );
    changed();
  };
  const drawing = mean.length === 1 ? drawingOf(input, examples, take) : null;
  const choose = async (/** @type {Blob} */ file) => {
    try {
      const data = pixelsOf(await decodePicture(file), input);
      drawing?.clear();
      take(data);
    } catch (error) {
      if (!(error instanceof EdgeError)) throw error;
      wrong.textContent = error.message;
      wrong.hidden = false;
    }
  };
  const show = (/** @type {unknown} */ example) => {
    drawing?.clear();
    take(pixelsOf(example, input));
  };
  const clear = () => {
    drawing?.clear();
    take(null);
  };
  const title = name === "input" ? "Image" : `Image: ${name}`;
  const element = el(
    "div",
    { class: "pane image" },
    el("h3", {}, title),
    el("div", { class: "sheets" }, drawing?.element ?? null, seen),
    wrong,
    el(
      "div",
      { class: "actions" },
      el("button", { type: "button", click: clear }, "Clear"),
      fileButton("Choose an image…", "image/*", choose),
    ),
  );
  return { element, raw: () => raw, show };
}

/**
 * Return a board whose drawing is framed as the examples are.
 *
 * @param {Pick<import("../image.js").ImageInput, "size" | "mean" | "resize">} input
 * @param {import("../raws.js").Numeric[]} examples
 * @param {(data: Uint8Array | null) => void} take
 */
function drawingOf(input, examples, take) {
  const frame = framing(
    examples.map((example) => ({ data: pixelsOf(example, input) })),
    input.size,
  );
  // As thick as the pen of the examples: coarse images have about two of their pixels, fine ones about three.
  const stroke = Math.min(44, Math.max(26, 350 / frame.side));
  const made = board(stroke, () => take(framed(made.ink(), { rows: SIDE, columns: SIDE }, input.size, frame)));
  return made;
}

/** @param {import("../grid.js").Grid} size */
function seenAs({ rows, columns }) {
  return `What the model sees: ${rows} × ${columns} pixels`;
}
