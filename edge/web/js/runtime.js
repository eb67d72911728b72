// Run the network of a bundle on one example: level by level, then the heads.
//
// Legend: T samples of a view, N units, S samples of a unit, C channels, W numbers of a unit's vector, D those of a
// sample's state, K outputs of a head.

import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";

import { cover } from "./cover.js";
import { BundleError, EdgeError, InputError } from "./errors.js";
import { spans } from "./levels.js";
import { HEAD, inputName, requirePromised } from "./signatures.js";
import { joined, mean, real, rows } from "./tensors.js";
import { covering, pad, sum } from "./views.js";

const WASM = new URL("../node_modules/@litertjs/core/wasm/", import.meta.url).href;

/**
 * @typedef {import("./manifest.js").Level} Level
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {import("./views.js").Samples} Samples
 * @typedef {import("./views.js").Views} Views
 * @typedef {import("./tensors.js").Filled} Filled
 */

/** @type {Promise<unknown> | undefined} */
let started;

/** Load LiteRT.js, which takes a while, so that the first bundle need not wait for it. */
export async function startLiteRt() {
  try {
    await (started ??= loadLiteRt(WASM));
  } catch (error) {
    started = undefined;
    throw new BundleError(`expected LiteRT.js beside this page; got: ${lineOf(error)}; install it with npm ci`);
  }
}

/** The device model, with one signature a level and unit count. */
export class Runtime {
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /**
   * @param {Manifest} manifest
   * @param {import("@litertjs/core").CompiledModel} model
   */
  constructor(manifest, model) {
    this.manifest = manifest;
    this.model = model;
  }

  /**
   * Let LiteRT read a bundle, which was proved whole.
   *
   * @param {import("./bundle.js").Bundle} bundle
   */
  static async of({ name, file, manifest }) {
    await startLiteRt();
    try {
      const model = await loadAndCompile(file, { accelerator: "wasm" });
      requirePromised(model, manifest);
      return new Runtime(manifest, model);
    } catch (error) {
      throw new BundleError(`${name}: expected a model that LiteRT.js can run; got: ${lineOf(error)}`);
    }
  }

  /** Give back what the model holds. */
  delete() {
    this.#last = this.#last.finally(() => this.model.delete());
  }

  /**
   * Return the outputs of each head, (K,); of one that labels samples (T, K).
   *
   * @param {Map<string, Views>} views of each input, by name.
   * @returns {Promise<Map<string, Float32Array>>}
   */
  async run(views) {
    for (const [name, input] of this.manifest.inputs) {
      const levels = this.manifest.levels.filter((level) => level.input === name);
      const each = views.get(name);
      if (!each) throw new InputError(`expected views of ${name}; got none; use the inputs of this bundle`);
      for (const one of apart(this.manifest, new Map([[name, each]]))) requireNested(levels, one.get(name), input);
    }
    const run = this.#last.then(() => this.#answered(views));
    this.#last = run.catch(() => undefined);
    try {
      return await run;
    } catch (error) {
      throw error instanceof EdgeError
        ? error
        : new BundleError(`expected a model that LiteRT.js can run; got: ${lineOf(error)}`);
    }
  }

  /**
   * Return the outputs of one run; or, where channels are apart, of one run each, side by side.
   *
   * @param {Map<string, Views>} views
   */
  async #answered(views) {
    const runs = [];
    for (const each of apart(this.manifest, views)) runs.push(await this.#forward(each));
    const found = new Map();
    for (const [name, task] of this.manifest.tasks) {
      const outputs = joined(runs.map((run) => /** @type {Float32Array} */ (run.get(name))));
      found.set(name, task.kind === "forecast" ? standardised(outputs, views) : outputs);
    }
    return found;
  }

  /** @param {Map<string, Views>} views */
  async #forward(views) {
    /** @type {Samples} */
    let finer = { data: new Float32Array(), channels: 0 };
    /** @type {Record<string, Filled>} */
    const summaries = {};
    /** @type {Map<Level, Samples>} */
    const states = new Map();
    for (const { level, samples, lengths } of steps(this.manifest.levels, views)) {
      const { units, mask } = pad(samples ?? finer, lengths, level.length);
      const found = await this.#called(level, units, mask, lengths);
      summaries[level.key] = { data: mean(found.vectors, lengths), shape: [1, level.width] };
      if (found.states) states.set(level, found.states);
      finer = found.vectors;
    }
    for (const [name, { whole }] of views) {
      if (whole) summaries[name] = { data: whole.data, shape: [1, ...whole.shape] };
    }
    const whole = [...this.manifest.tasks.values()].some((task) => task.kind !== "tag");
    const outputs = whole ? await this.#call(HEAD, summaries) : new Map();
    return new Map([...outputs, ...(await this.#tagged(states, views))]);
  }

  /**
   * Return the vectors of a level's units, (N, W), and the states of their samples, (T, D).
   *
   * @param {Level} level
   * @param {Samples} units (N * S, C).
   * @param {Float32Array} mask (N, S).
   * @param {number[]} lengths
   */
  async #called(level, units, mask, lengths) {
    const [count, size] = [lengths.length, level.length];
    /** @type {Record<string, Filled>} */
    const inputs = { [inputName(level)]: { data: units.data, shape: [count, size, units.channels] } };
    if (level.masked) inputs.mask = { data: mask, shape: [count, size] };
    const found = await this.#covered(level.key, level.counts, inputs, count);
    const [vectors, states] = [found.get("vectors"), found.get("states")];
    if (!vectors) throw new BundleError(`expected vectors of level ${level.name}; got none`);
    return {
      vectors: { data: vectors, channels: level.width },
      states: level.states && states ? { data: real(states, mask, level.states), channels: level.states } : null,
    };
  }

  /**
   * Call the signatures of a level, or of the heads, until all units are processed.
   *
   * @param {string} key of the signatures, which are called `{key}_{count}`.
   * @param {number[]} counts units that one call may take.
   * @param {Record<string, Filled>} inputs by name, (N, ...).
   * @param {number} units N.
   * @returns {Promise<Map<string, Float32Array>>} each output, (N, ...).
   */
  async #covered(key, counts, inputs, units) {
    /** @type {Map<string, Float32Array[]>} */
    const pieces = new Map();
    let start = 0;
    for (const count of cover(units, counts)) {
      const piece = Object.entries(inputs).map(([name, values]) => [name, rows(values, start, count)]);
      for (const [name, values] of await this.#call(`${key}_${count}`, Object.fromEntries(piece))) {
        const width = values.length / count;
        pieces.set(name, [...(pieces.get(name) ?? []), values.subarray(0, Math.min(count, units - start) * width)]);
      }
      start += count;
    }
    return new Map([...pieces].map(([name, parts]) => [name, joined(parts)]));
  }

  /**
   * @param {string} signature
   * @param {Record<string, Filled>} inputs
   * @returns {Promise<Map<string, Float32Array>>}
   */
  async #call(signature, inputs) {
    const given = Object.entries(inputs).map(([name, { data, shape }]) => [name, new Tensor(data, shape)]);
    /** @type {Record<string, Tensor>} */
    let outputs = {};
    try {
      outputs = await this.model.run(signature, /** @type {Record<string, Tensor>} */ (Object.fromEntries(given)));
      return new Map(
        Object.entries(outputs).map(([name, tensor]) => [name, /** @type {Float32Array} */ (tensor.toTypedArray())]),
      );
    } finally {
      for (const tensor of [...given.map(([, each]) => each), ...Object.values(outputs)]) {
        /** @type {Tensor} */ (tensor).delete();
      }
    }
  }

  /**
   * Return the outputs (T, K) of the heads that label samples.
   *
   * Each sample is told its own state, and at each coarser level the one of the sample that covers it in time.
   *
   * @param {Map<Level, Samples>} states of the labelled level and of the coarser ones.
   * @param {Map<string, Views>} views of the only input.
   * @returns {Promise<Map<string, Float32Array>>}
   */
  async #tagged(states, views) {
    const [level] = states.keys();
    if (!level) return new Map();
    const [[name, each]] = views;
    const input = /** @type {import("./inputs.js").Input} */ (this.manifest.inputs.get(name));
    const reach = spans([...input.levels.values()]);
    const place = this.manifest.levels.indexOf(level);
    const [lengths, count] = [each.lengths[place], sum(each.lengths[place])];
    /** @type {Record<string, Filled>} */
    const units = {};
    /** @type {Float32Array} */
    let mask = new Float32Array();
    for (const [coarse, { data, channels }] of states) {
      const at = this.manifest.levels.indexOf(coarse);
      const places = covering(count, reach[place], data.length / channels, reach[at]);
      const chosen = joined(
        places.map((row) => /** @type {Float32Array} */ (data).subarray(row * channels, (row + 1) * channels)),
      );
      const laid = pad({ data: chosen, channels }, lengths, level.length);
      units[coarse.key] = { data: laid.units.data, shape: [lengths.length, level.length, channels] };
      mask = laid.mask;
    }
    const found = await this.#covered(HEAD, level.counts, units, lengths.length);
    return new Map([...found].map(([head, values]) => [head, real(values, mask, values.length / mask.length)]));
  }
}

/**
 * Yield each level with its raw view, if it reads one, and the lengths of its units.
 *
 * @param {Level[]} levels
 * @param {Map<string, Views>} views
 */
function* steps(levels, views) {
  /** @type {Map<string, number>} */
  const done = new Map();
  for (const level of levels) {
    const each = /** @type {Views} */ (views.get(level.input));
    const place = done.get(level.input) ?? 0;
    done.set(level.input, place + 1);
    yield { level, samples: each.samples[place], lengths: each.lengths[place] };
  }
}

/**
 * Yield the views of each run: of one channel at a time where each is an example of its own.
 *
 * @param {Manifest} manifest
 * @param {Map<string, Views>} views
 */
function* apart(manifest, views) {
  const [task] = manifest.tasks.values();
  if (task.kind !== "forecast" || !task.apart) {
    yield views;
    return;
  }
  for (let channel = 0; channel < task.columns.length; channel++) {
    yield new Map(
      [...views].map(([name, each]) => [name, { ...each, samples: each.samples.map((s) => s && only(s, channel)) }]),
    );
  }
}

/**
 * @param {Samples} samples
 * @param {number} channel
 * @returns {Samples}
 */
function only({ data, channels }, channel) {
  return { data: Float32Array.from(data).filter((_, place) => place % channels === channel), channels: 1 };
}

/**
 * Bring forecasts from the scale of the example to readings standardised by the training split.
 *
 * @param {Float32Array} outputs
 * @param {Map<string, Views>} views
 */
function standardised(outputs, views) {
  const [{ standing }] = views.values();
  if (!standing) throw new InputError("expected views that say how a series was normalised; got none");
  const each = outputs.length / standing.factor.length;
  return outputs.map((value, place) => {
    const channel = Math.floor(place / each);
    return Math.fround(value * standing.factor[channel]) + standing.shift[channel];
  });
}

/**
 * Refuse views that do not lead from the samples to the coarsest units, and ids that LiteRT would answer wrongly for.
 *
 * @param {Level[]} levels
 * @param {Views | undefined} views
 * @param {import("./inputs.js").Input} input
 */
function requireNested(levels, views, input) {
  let left = 0;
  levels.forEach((level, place) => {
    const [samples, lengths] = [views?.samples[place] ?? null, views?.lengths[place] ?? []];
    if ((samples === null) !== (level.reads === "units") || (samples && samples.channels !== level.channels)) {
      throw new InputError(`expected ${level.reads} at level ${level.name}; got otherwise`);
    }
    if (samples) left = samples.data.length / samples.channels;
    if (!lengths.length || lengths.some((n) => n < 1 || n > level.length) || sum(lengths) !== left) {
      const expected = `${level.name} units of 1 to ${level.length} samples, ${left} in all`;
      throw new InputError(`expected ${expected}; got ${lengths.length} units of ${sum(lengths)} samples`);
    }
    left = lengths.length;
  });
  const wrong = input.kind === "text" ? views?.samples[0]?.data.find((id) => id < 0 || id >= input.rows) : undefined;
  if (wrong !== undefined) throw new InputError(`expected ids of this bundle; got ${wrong}; use its input`);
}

/** @param {unknown} error */
function lineOf(error) {
  const text = error instanceof Error ? error.message : String(error);
  return text.split(/\s+/).join(" ").slice(0, 300);
}
