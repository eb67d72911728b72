// The page: a bundle is opened and proved, a person hands something in, and the answer is shown.

import { EdgeError } from "../errors.js";
import { targetOf, weigh } from "../explain.js";
import { load } from "../predictor.js";
import { startLiteRt } from "../runtime.js";
import { selftest } from "../selftest.js";
import { readKeys } from "../signature.js";
import { showAnswer, showNothing, showWrong, watchCard } from "./answer_card.js";
import { fetched, offer, read, showBundle, showSelftest, tellRefused, tellWork } from "./bundle_card.js";
import { byId } from "./elements.js";
import { keepLast, readLast } from "./last.js";
import { clearMattered, showMattered, tellWeighing } from "./mattered_card.js";
import { keepPage, offerInstall } from "./offline.js";
import { paneOf } from "./panes.js";

/** Milliseconds of rest after which what was typed is answered, and then explained. */
const [REST, LONGER_REST] = [120, 500];
/** Milliseconds of work after which the page may react to a person. */
const PATIENCE = 30;

/** @type {import("../predictor.js").Predictor | null} */
let predictor = null;
/** @type {Map<string, import("./panes.js").Pane>} */
let panes = new Map();
/** The keys that came along with the page. @type {import("../signature.js").Keys} */
let keys = new Map();
/** Counts what a person changed: work for an older state stops. */
let state = 0;

/**
 * Open a bundle; where it is refused, the one before it stays open.
 *
 * @param {string} name
 * @param {() => Promise<Uint8Array<ArrayBuffer>>} file
 */
async function open(name, file) {
  tellWork(`Checking ${name}…`);
  try {
    const opened = await load(name, await file(), keys);
    predictor?.delete();
    predictor = opened;
  } catch (error) {
    tellRefused(error instanceof EdgeError ? error.message : `${name}: ${/** @type {Error} */ (error).message}`);
    return;
  }
  tellWork("");
  document.body.dataset.bundle = predictor.bundle.manifest.name;
  showBundle(predictor.bundle);
  showPanes(predictor.bundle);
  showSelftest(null);
  showSelftest(await selftest(predictor));
  await keepLast(name, predictor.bundle.file);
}

/** @param {import("../bundle.js").Bundle} bundle */
function showPanes({ manifest, golden }) {
  for (const pane of panes.values()) pane.close?.();
  panes = new Map(
    [...manifest.inputs].map(([name, input]) => {
      const examples = golden.examples.map((example) => example.raws.get(name));
      return [name, paneOf(name, input, examples, changed)];
    }),
  );
  byId("panes").replaceChildren(...[...panes.values()].map((pane) => pane.element));
  changed();
}

/** Answer once a person rests. */
function changed() {
  const mine = ++state;
  setTimeout(() => mine === state && answer(mine), REST);
}

/** @param {number} mine */
async function answer(mine) {
  const given = new Map([...panes].map(([name, pane]) => [name, pane.raw()]));
  if (!predictor || [...given.values()].includes(null)) {
    showNothing("Hand something in, and the answer appears here.");
    clearMattered("Each part is left out by itself, to see what the answer loses without it.");
    return;
  }
  try {
    const prediction = await predictor.predict(given);
    if (mine !== state) return;
    showAnswer(prediction, predictor.bundle.file.length);
    setTimeout(() => mine === state && explain(mine, given, prediction).catch(unexplained), LONGER_REST - REST);
  } catch (error) {
    if (!(error instanceof EdgeError)) throw error;
    showWrong(error.message);
    clearMattered("There is no answer to explain.");
  }
}

/** @param {unknown} error */
function unexplained(error) {
  if (!(error instanceof EdgeError)) throw error;
  clearMattered(error.message);
}

/**
 * @param {number} mine
 * @param {Map<string, unknown>} given
 * @param {import("../predictor.js").Prediction} prediction
 */
async function explain(mine, given, prediction) {
  const running = predictor;
  if (!running) return;
  const { manifest } = running.bundle;
  const target = targetOf(manifest, prediction);
  if (!target)
    return clearMattered("This is told for labels and numbers, not for forecasts and labels of single samples.");
  const begin = performance.now();
  /** @type {import("../explain.js").Weighed[]} */
  const found = [];
  let rested = begin;
  for await (const weighed of weigh(running, given, target)) {
    found.push(weighed);
    if (performance.now() - rested > PATIENCE) {
      tellWeighing(found.length);
      await new Promise((resolve) => setTimeout(resolve));
      rested = performance.now();
    }
    if (mine !== state) return;
  }
  if (!found.length) return clearMattered("This example has no parts that could be left out.");
  showMattered(target, found, given, manifest.inputs, ((performance.now() - begin) / 1000).toFixed(2));
}

/** Let a bundle be dropped anywhere on the page. */
function listenToDrops() {
  const over = (/** @type {boolean} */ is) => document.body.classList.toggle("dropping", is);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? over(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    const [file] = event.dataTransfer?.files ?? [];
    if (file) open(file.name, () => read(file));
  });
}

async function start() {
  listenToDrops();
  offerInstall();
  watchCard();
  const ready = startLiteRt();
  keys = await readKeys(await (await fetch("keys.pub")).text());
  /** @type {import("./bundle_card.js").Served[]} */
  const served = await (await fetch("bundles.json")).json();
  offer(served, open);
  const last = await readLast();
  const again = last && !served.some((each) => each.name === last.name) ? last : null;
  const [first] = served;
  if (again) await open(again.name, async () => again.file);
  else if (first) await open(first.name, () => fetched(first));
  else tellWork("");
  if (!predictor) showNothing("Open a bundle first: a .tflite file that mgdist made.");
  await ready;
  await keepPage();
}

start().catch((error) => {
  tellRefused(error instanceof Error ? error.message : String(error));
  throw error;
});
