// The signatures of a device model: what its manifest promises, and whether the model keeps it.

import { BundleError } from "./errors.js";
import { headOutputs, outputsOf } from "./tasks.js";

/** The signature of the heads that answer for a whole example; `head_N` is that of those that label samples. */
export const HEAD = "head";

/** Return the name of what a level reads. @param {import("./manifest.js").Level} level */
export function inputName(level) {
  return level.reads === "ids" ? "ids" : "samples";
}

/**
 * Refuse a model that is not the one that its manifest describes.
 *
 * @param {import("@litertjs/core").CompiledModel} model
 * @param {import("./manifest.js").Manifest} manifest
 */
export function requirePromised(model, manifest) {
  for (const [name, { reads, gives }] of promised(manifest)) {
    const signature = model.signatures[name];
    if (!signature) throw new BundleError(`it has no signature ${name}, which its manifest promises`);
    const pairs = /** @type {const} */ ([
      ["reads", signature.getInputDetails(), reads],
      ["gives", signature.getOutputDetails(), gives],
    ]);
    for (const [verb, details, shapes] of pairs) {
      const found = details
        .map((each) => `${each.name} ${Array.from(each.shape).join(" x ")}`)
        .sort()
        .join(", ");
      const said = Object.entries(shapes)
        .map(([key, shape]) => `${key} ${shape.join(" x ")}`)
        .sort()
        .join(", ");
      if (found !== said)
        throw new BundleError(`its signature ${name} ${verb} ${found}, and its manifest promises ${said}`);
    }
  }
}

/**
 * Return the shapes that each signature reads and gives, by name.
 *
 * @param {import("./manifest.js").Manifest} manifest
 */
function promised({ levels, tasks, inputs }) {
  /** @type {Map<string, {reads: Record<string, number[]>, gives: Record<string, number[]>}>} */
  const found = new Map();
  for (const level of levels) {
    for (const count of level.counts) {
      const mask = [count, level.length];
      found.set(`${level.key}_${count}`, {
        reads: { [inputName(level)]: [...mask, level.channels], ...(level.masked ? { mask } : {}) },
        gives: { vectors: [count, level.width], ...(level.states ? { states: [...mask, level.states] } : {}) },
      });
    }
  }
  const [tags, whole] = [true, false].map((tag) => [...tasks].filter(([, task]) => (task.kind === "tag") === tag));
  if (whole.length) {
    found.set(HEAD, {
      reads: Object.fromEntries([...levels.map((level) => [level.key, [1, level.width]]), ...arrays(inputs)]),
      gives: Object.fromEntries(whole.map(([name, task]) => [name, [1, headOutputs(task)]])),
    });
  }
  const given = levels.filter((level) => level.states);
  for (const count of tags.length ? given[0].counts : []) {
    const mask = [count, given[0].length];
    found.set(`${HEAD}_${count}`, {
      reads: Object.fromEntries(given.map((level) => [level.key, [...mask, level.states]])),
      gives: Object.fromEntries(tags.map(([name, task]) => [name, [...mask, outputsOf(task)]])),
    });
  }
  return found;
}

/**
 * Return the shapes of the arrays that the head reads as they are, by input.
 *
 * @param {import("./manifest.js").Manifest["inputs"]} inputs
 */
function arrays(inputs) {
  return [...inputs].flatMap(([name, input]) => (input.kind === "array" ? [[name, [1, ...input.shape]]] : []));
}
