// The card of the bundle: what is open, whether it was proved, and how another one is opened.

import { BundleError } from "../errors.js";
import { byId, bytes, el, fileButton, percent } from "./elements.js";

/**
 * @typedef {{name: string, url: string, bytes: number}} Served a bundle that came along with the page.
 */

/**
 * Offer bundles: those that came along, and a file of this device.
 *
 * @param {Served[]} served
 * @param {(name: string, file: () => Promise<Uint8Array<ArrayBuffer>>) => void} open
 */
export function offer(served, open) {
  const choices = served.map((each) =>
    el(
      "button",
      { type: "button", class: "choice", "data-bundle": each.name, click: () => open(each.name, () => fetched(each)) },
      each.name.replace(/\.tflite$/, ""),
      el("small", {}, bytes(each.bytes)),
    ),
  );
  const file = fileButton(
    "Choose a file…",
    ".tflite,application/octet-stream",
    (chosen) => open(chosen.name, () => read(chosen)),
    "choice",
  );
  byId("choices").replaceChildren(...choices, file);
}

/**
 * Return the bytes of a bundle that came along.
 *
 * @param {Served} served
 */
export async function fetched({ name, url }) {
  try {
    return new Uint8Array(await (await fetch(url)).arrayBuffer());
  } catch {
    throw new BundleError(`${name}: expected the network, or a bundle that was opened before; got neither; try again`);
  }
}

/** @param {File} file */
export async function read(file) {
  return new Uint8Array(await file.arrayBuffer());
}

/** Tell what is being done with a bundle. @param {string} line */
export function tellWork(line) {
  byId("bundle-error").hidden = true;
  byId("bundle-work").textContent = line;
  byId("bundle-work").hidden = line === "";
}

/** Tell why a bundle was refused. @param {string} line */
export function tellRefused(line) {
  tellWork("");
  const place = byId("bundle-error");
  place.replaceChildren(el("strong", {}, "Refused. "), line);
  place.hidden = false;
}

/**
 * Show the bundle that is open.
 *
 * @param {import("../bundle.js").Bundle} bundle
 */
export function showBundle({ name, file, manifest, signer, signed, readme }) {
  for (const each of document.querySelectorAll("[data-bundle]")) {
    each.setAttribute("aria-pressed", String(each.getAttribute("data-bundle") === name));
  }
  byId("bundle-name").textContent = manifest.name;
  const reads = [...manifest.inputs].map(([, input]) => `${input.kind}: ${[...input.levels.keys()].join(", ")}`);
  const [[, task]] = manifest.tasks;
  const answers = "labels" in task ? `${task.labels.length} labels` : task.kind;
  byId("bundle-facts").replaceChildren(
    ...facts([
      ["Reads", reads.join("; ")],
      ["Answers", answers],
      ["Size", bytes(file.length)],
      ["Weights", manifest.method.replaceAll("_", " ")],
      ...measured(manifest.metrics),
      ["Made", manifest.created.slice(0, 10)],
      ["Licence", manifest.license],
      ["Signed", signer && (signed ? "by a key that this page trusts" : `claims key ${signer}; this page has no key`)],
    ]),
  );
  byId("readme").hidden = !readme;
  byId("readme").textContent = readme ?? "";
  byId("about").hidden = false;
}

/**
 * @param {Map<string, number>} metrics
 * @returns {[string, string][]}
 */
function measured(metrics) {
  const accuracy = metrics.get("accuracy");
  return accuracy === undefined ? [] : [["Accuracy", percent(accuracy)]];
}

/** @param {[string, string | null][]} pairs */
function facts(pairs) {
  return pairs.flatMap(([name, value]) => (value ? [el("div", {}, el("dt", {}, name), el("dd", {}, value))] : []));
}

/**
 * Show what the replay of the golden examples found.
 *
 * @param {import("../selftest.js").Selftest | null} result null while it runs.
 */
export function showSelftest(result) {
  const place = byId("golden");
  place.hidden = false;
  if (!result) {
    place.className = "verdict";
    place.replaceChildren(el("strong", {}, "Replaying the golden examples…"));
    return;
  }
  const { examples, labels, difference, tolerance, passed } = result;
  place.className = passed ? "verdict passed" : "verdict failed";
  place.replaceChildren(
    el(
      "strong",
      {},
      passed ? `Passed: ${labels} of ${examples} golden examples` : `Failed: ${labels} of ${examples} golden examples`,
    ),
    el("span", {}, `Largest difference ${difference.toPrecision(2)}; ${tolerance} is allowed.`),
  );
}
