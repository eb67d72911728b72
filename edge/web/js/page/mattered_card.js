// The card of what mattered: the parts of the example, tinted by what the answer loses without them.

import { byId, el, percent } from "./elements.js";
import { drawPixels } from "./picture.js";
import { drawWave } from "./wave.js";

const STRONGEST = 6;
/** Weights below this share of a probability are as good as none. */
const FAINT = 0.0005;
const PLURALS = /** @type {Record<string, string>} */ ({ patch: "Patches" });

/**
 * @typedef {import("../explain.js").Weighed} Weighed
 * @typedef {import("../explain.js").Target} Target
 */

/** @type {{found: Weighed[], raws: Map<string, unknown>, inputs: Map<string, import("../inputs.js").Input>} | null} */
let shown = null;
let chosen = "";

/** Empty the card. @param {string} line why. */
export function clearMattered(line) {
  shown = null;
  byId("mattered-choice").replaceChildren();
  byId("mattered-body").replaceChildren(el("p", { class: "hint" }, line));
  byId("mattered-list").replaceChildren();
  byId("mattered-about").textContent = "";
}

/** Tell how far it has come. @param {number} done */
export function tellWeighing(done) {
  byId("mattered-about").textContent = `Leaving out one part at a time: ${done} done…`;
}

/**
 * Show what mattered.
 *
 * @param {Target} target
 * @param {Weighed[]} found
 * @param {Map<string, unknown>} raws
 * @param {Map<string, import("../inputs.js").Input>} inputs
 * @param {string} seconds that it took.
 */
export function showMattered(target, found, raws, inputs, seconds) {
  shown = { found, raws, inputs };
  const kinds = [...new Set(found.map((each) => each.granularity))];
  if (!kinds.includes(chosen)) chosen = kinds[0] ?? "";
  const buttons = kinds.map((kind) =>
    el(
      "label",
      {},
      el("input", {
        type: "radio",
        name: "granularity",
        value: kind,
        checked: kind === chosen,
        change: () => choose(kind),
      }),
      el("span", {}, named(kind)),
    ),
  );
  byId("mattered-choice").replaceChildren(...(kinds.length > 1 ? buttons : []));
  byId("mattered-about").textContent =
    `${found.length} parts were left out one by one in ${seconds} s: how far “${target.name}” fell (blue) or rose (orange).`;
  show();
}

/** @param {string} kind */
function choose(kind) {
  chosen = kind;
  show();
}

function show() {
  if (!shown) return;
  const { found, raws, inputs } = shown;
  const parts = found.filter((each) => each.granularity === chosen);
  const most = Math.max(FAINT, ...parts.map((each) => Math.abs(each.weight)));
  const bodies = [...inputs].map(([name, input]) =>
    body(
      input,
      raws.get(name),
      parts.filter((each) => each.input === name),
      most,
    ),
  );
  byId("mattered-body").replaceChildren(...bodies);
  const ranked = [...parts].filter((each) => Math.abs(each.weight) >= FAINT);
  ranked.sort((one, other) => Math.abs(other.weight) - Math.abs(one.weight));
  const items = ranked.slice(0, STRONGEST).map((each) => item(each, raws.get(each.input), inputs.get(each.input)));
  byId("mattered-list").replaceChildren(
    ...(items.length ? items : [el("li", {}, "No single part changes the answer.")]),
  );
}

/**
 * @param {import("../inputs.js").Input} input
 * @param {any} raw
 * @param {Weighed[]} parts
 * @param {number} most
 */
function body(input, raw, parts, most) {
  const weights = parts.map(({ place, weight }) => ({ place, share: weight / most }));
  if (input.kind === "text") return tinted(raw, weights);
  if (input.kind === "image") return drawPixels(raw, input, weights, "The image, tinted by what mattered");
  if (input.kind === "audio") return drawWave(raw, weights, "The recording, tinted by what mattered");
  return el("p", { class: "hint" }, "");
}

/**
 * Return a text whose parts are tinted.
 *
 * @param {string} text
 * @param {{place: import("../explain.js").Place, share: number}[]} weights
 */
function tinted(text, weights) {
  const pieces = [];
  let at = 0;
  for (const { place, share } of weights) {
    const [from, to] = [/** @type {number} */ (place.from), /** @type {number} */ (place.to)];
    pieces.push(text.slice(at, from));
    const mark = el("mark", { class: share >= 0 ? "for" : "against" }, text.slice(from, to));
    mark.style.setProperty("--weight", Math.abs(share).toFixed(3));
    pieces.push(mark);
    at = to;
  }
  return el(
    "p",
    { class: "weighed", tabindex: 0, role: "group", "aria-label": "The text, tinted by what mattered" },
    ...pieces,
    text.slice(at),
  );
}

/**
 * @param {Weighed} weighed
 * @param {any} raw
 * @param {import("../inputs.js").Input | undefined} input
 */
function item({ place, weight }, raw, input) {
  const look = weight >= 0 ? "for" : "against";
  const value = `${weight >= 0 ? "−" : "+"}${percent(Math.abs(weight))}`;
  return el(
    "li",
    { class: look },
    el("span", { class: "name" }, placed(place, raw, input)),
    el("span", { class: "value" }, value),
  );
}

/**
 * @param {import("../explain.js").Place} place
 * @param {any} raw
 * @param {import("../inputs.js").Input | undefined} input
 */
function placed({ from = 0, to = 0, row = 0, column = 0, name }, raw, input) {
  if (input?.kind === "text") return shortened(raw.slice(from, to).replace(/\s+/g, " "));
  if (input?.kind === "audio")
    return [from, to].map((place) => (place / input.spectrum.rate).toFixed(2)).join("–") + " s";
  if (input?.kind === "series") return `readings ${from}–${to - 1}`;
  return name ?? `row ${row + 1}, column ${column + 1}`;
}

/** @param {string} text */
function shortened(text) {
  return text.length > 90 ? `${text.slice(0, 88)}…` : text;
}

/** @param {string} kind */
function named(kind) {
  return PLURALS[kind] ?? `${kind[0].toUpperCase()}${kind.slice(1)}s`;
}
