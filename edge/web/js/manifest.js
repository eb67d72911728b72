// The manifest of a bundle: what the model is, what it reads, what it answers, and what was measured.

import { BundleError } from "./errors.js";
import { Fields, parse } from "./fields.js";
import { readInput } from "./inputs.js";
import { outputsOf, readTask } from "./tasks.js";

/** Version of the bundle's layout; a newer one is refused. */
const FORMAT = 1;
const [MOST_UNITS, LONGEST, WIDEST, MOST_PARTS] = [4096, 1_000_000, 1_000_000, 16];

/**
 * One part of the file, as it was written.
 *
 * @typedef {{bytes: number, sha256: string}} Part
 */

/**
 * One granularity of the network, as signatures of the device model.
 *
 * @typedef {object} Level
 * @property {string} name word, sentence, ...; with the input in front where there are several: `title.word`.
 * @property {string} key the name by which the model calls it; its signatures are `{key}_{count}`.
 * @property {string} input the name of the input that it belongs to.
 * @property {"ids" | "samples" | "units"} reads of a raw view, or the units of the level before it.
 * @property {number} length S, samples of a unit.
 * @property {number} channels C of a sample.
 * @property {number} width numbers of a unit's vector.
 * @property {number[]} counts units that one call takes, smallest first.
 * @property {boolean} masked whether it must be told which samples of a unit are real.
 * @property {number} states D, numbers of each sample's state; 0 where it gives none.
 */

/**
 * All that a bundle says of itself.
 *
 * @typedef {object} Manifest
 * @property {string} name of the job.
 * @property {string} created when, in ISO 8601.
 * @property {string | null} license of the model, if it is known.
 * @property {Map<string, import("./tasks.js").Task>} tasks what it answers, by head.
 * @property {Map<string, import("./inputs.js").Input>} inputs what turns raw into views, by name.
 * @property {Level[]} levels the network's granularities: of each input, finest first.
 * @property {string} method how the model was compressed, such as `int8_dynamic`.
 * @property {string} jobDigest of the job that it comes from.
 * @property {string} dataDigest of the data that it was trained on.
 * @property {Map<string, number>} metrics measured on the model that ships, such as `accuracy`.
 * @property {Map<string, number>} parity how far the device model is from the trained one.
 */

/** Return the fields of manifest.json, if this page knows its format. @param {Uint8Array} raw */
export function parseManifest(raw) {
  const fields = Fields.of(parse(raw, "manifest.json"), "manifest.json");
  requireKnown(fields.whole("format", 1, 1e9), FORMAT);
  return fields;
}

/**
 * Refuse a format that this page does not know.
 *
 * @param {number} version
 * @param {number} newest that it knows.
 */
export function requireKnown(version, newest) {
  if (version > newest) {
    const got = `got format ${version}, which is newer`;
    throw new BundleError(`expected a bundle of format ${newest}; ${got}; update this page`);
  }
}

/**
 * Return the parts that a manifest lists.
 *
 * @param {Fields} fields
 * @returns {Map<string, Part>}
 */
export function readParts(fields) {
  const parts = fields.inner("parts");
  return new Map(parts.names.map((name) => [name, readPart(parts.inner(name))]));
}

/**
 * @param {Fields} fields
 * @returns {Part}
 */
function readPart(fields) {
  const sha256 = fields.line("sha256");
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw new BundleError(`${fields.where}.sha256: expected 64 hexadecimal digits; got others; make the bundle again`);
  }
  return { bytes: fields.whole("bytes", 0, 2 ** 32), sha256 };
}

/**
 * Return the manifest, with every field checked.
 *
 * @param {Fields} fields of manifest.json.
 * @param {Map<string, Uint8Array>} parts the other files of the bundle.
 * @returns {Manifest}
 */
export function readManifest(fields, parts) {
  const [asked, heads] = [fields.inner("inputs"), fields.inner("tasks")];
  const inputs = new Map(asked.names.map((name) => [name, readInput(name, asked.inner(name), parts)]));
  const tasks = new Map(heads.names.map((name) => [name, readTask(heads.inner(name))]));
  for (const [where, found] of /** @type {[Fields, Map<string, unknown>][]} */ ([
    [asked, inputs],
    [heads, tasks],
  ])) {
    if (found.size < 1 || found.size > MOST_PARTS) {
      throw new BundleError(`${where.where}: expected 1 to ${MOST_PARTS}; got ${found.size}; make the bundle again`);
    }
  }
  requireFiner(tasks, heads.where);
  const network = fields.inner("network");
  const levels = network.many("levels", 0, 8 * MOST_PARTS, (listed, place) => readLevel(listed.inner(place)));
  requireChains(inputs, levels);
  requireStates(tasks, levels);
  const said = fields.inner("versions");
  for (const name of said.names) said.line(name);
  return {
    name: fields.line("name"),
    created: fields.line("created"),
    license: fields.values.license == null ? null : fields.line("license"),
    tasks,
    inputs,
    levels,
    method: fields.line("method"),
    jobDigest: fields.line("job_digest"),
    dataDigest: fields.line("data_digest"),
    metrics: readNumbered(fields.inner("metrics")),
    parity: readNumbered(fields.inner("parity")),
  };
}

/** @param {Fields} fields */
function readNumbered(fields) {
  return new Map(fields.names.map((name) => [name, fields.number(name)]));
}

/**
 * @param {Fields} fields
 * @returns {Level}
 */
function readLevel(fields) {
  const counts = fields.many("counts", 1, 6, (listed, place) => listed.whole(place, 1, MOST_UNITS));
  if (counts.some((count, place) => place > 0 && count <= counts[place - 1])) {
    const got = `[${counts.join(", ")}]`;
    throw new BundleError(`${fields.where}.counts: expected rising numbers; got ${got}; make the bundle again`);
  }
  const name = fields.line("name");
  return {
    name,
    key: name.replaceAll(".", "_"),
    input: fields.line("input"),
    reads: fields.oneOf("reads", /** @type {const} */ (["ids", "samples", "units"])),
    length: fields.whole("length", 1, LONGEST),
    channels: fields.whole("channels", 1, WIDEST),
    width: fields.whole("width", 1, WIDEST),
    counts,
    masked: fields.truth("masked"),
    states: fields.has("states") ? fields.whole("states", 0, WIDEST) : 0,
  };
}

/**
 * Refuse heads of coarser labels that stand above one that is not there, or that has other labels.
 *
 * @param {Map<string, import("./tasks.js").Task>} tasks
 * @param {string} where
 */
function requireFiner(tasks, where) {
  for (const [name, task] of tasks) {
    if (task.kind !== "classify" || task.above === null) continue;
    const finer = tasks.get(task.above.head);
    if (!finer || outputsOf(finer) !== task.above.parents.length) {
      const expected = `a parent for each label of a head '${task.above.head}'`;
      const got = task.above.parents.length;
      throw new BundleError(`${where}.${name}.above: expected ${expected}; got ${got}; make the bundle again`);
    }
  }
}

/**
 * Refuse levels that do not fit their inputs, or each other.
 *
 * @param {Map<string, import("./inputs.js").Input>} inputs
 * @param {Level[]} levels
 */
function requireChains(inputs, levels) {
  const shapes = [...inputs].flatMap(([name, fitted]) => shapesOf(name, fitted, inputs.size > 1));
  const expected = shapes.map((shape) => shape.join(" ")).join(", ");
  const found = levels.map((each) => [each.name, each.input, each.reads, each.length].join(" ")).join(", ");
  if (found !== expected) throw unfit(`the levels of the inputs, ${expected}`, found);
  let finer = 0;
  for (const level of levels) {
    const own = inputs.get(level.input)?.channels.get(/** @type {string} */ (level.name.split(".").pop()));
    const channels = level.reads === "units" ? finer : own;
    if (channels !== level.channels) throw unfit(`${channels} channels in level ${level.name}`, `${level.channels}`);
    finer = level.width;
  }
}

/**
 * Refuse levels that do not give the states that labels of samples are made of.
 *
 * @param {Map<string, import("./tasks.js").Task>} tasks
 * @param {Level[]} levels
 */
function requireStates(tasks, levels) {
  const tagged = [...new Set([...tasks.values()].flatMap((task) => (task.kind === "tag" ? [task.level] : [])))].sort();
  if (tagged.length > 1) throw unfit("one level whose samples are labelled", tagged.join(", "));
  if (!tagged.length) return;
  const names = levels.map((level) => level.name);
  if (!names.includes(tagged[0]) || levels.some((level) => level.input !== levels[0].input)) {
    throw unfit(`a level ${tagged[0]} of the only input, whose samples are labelled`, names.join(", "));
  }
  const given = levels.filter((level) => level.states).map((level) => level.name);
  if (given.join() !== names.slice(names.indexOf(tagged[0])).join()) {
    throw unfit(`states of ${tagged[0]} and of all coarser levels`, given.join(", ") || "none");
  }
}

/**
 * Return the name, the input, what is read, and the samples of a unit, of each level of an input.
 *
 * @param {string} name
 * @param {import("./inputs.js").Input} fitted
 * @param {boolean} several
 */
function shapesOf(name, fitted, several) {
  const raw = fitted.kind === "text" ? "ids" : "samples";
  return [...fitted.levels].map(([level, window]) => [
    several ? `${name}.${level}` : level,
    name,
    window.scale === null ? "units" : raw,
    window.length ** fitted.axes,
  ]);
}

/**
 * @param {string} expected
 * @param {string} got
 */
function unfit(expected, got) {
  return new BundleError(`manifest.json: network.levels: expected ${expected}; got ${got}; make the bundle again`);
}
