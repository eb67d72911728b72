// From raw to an answer.

import { answered } from "./answers.js";
import { openBundle } from "./bundle.js";
import { InputError } from "./errors.js";
import { viewsOf } from "./inputs.js";
import { Runtime } from "./runtime.js";

/**
 * What a bundle says of one example: the answer of each head, the outputs that they come from, and the time from the raw
 * value to this.
 *
 * @typedef {{answers: Map<string, import("./answers.js").Answer>, outputs: Map<string, Float32Array>,
 *   milliseconds: number}} Prediction
 */

/** A bundle, ready to answer. */
export class Predictor {
  /**
   * @param {import("./bundle.js").Bundle} bundle
   * @param {Runtime} runtime
   */
  constructor(bundle, runtime) {
    this.bundle = bundle;
    this.runtime = runtime;
  }

  /**
   * Answer for one example.
   *
   * @param {Map<string, unknown>} raws of each input, by name.
   * @returns {Promise<Prediction>}
   */
  async predict(raws) {
    const begin = performance.now();
    const outputs = await this.outputs(raws);
    const tasks = this.bundle.manifest.tasks;
    const answers = new Map(
      [...outputs].map(([name, values]) => [name, answered(/** @type {any} */ (tasks.get(name)), values)]),
    );
    return { answers, outputs, milliseconds: performance.now() - begin };
  }

  /**
   * Return the outputs of each head, as golden examples hold them.
   *
   * @param {Map<string, unknown>} raws
   */
  async outputs(raws) {
    const { inputs } = this.bundle.manifest;
    const views = new Map(
      [...inputs].map(([name, input]) => [name, named(inputs.size > 1 ? name : "", input, raws.get(name))]),
    );
    return this.runtime.run(views);
  }

  /** Give back what the model holds. */
  delete() {
    this.runtime.delete();
  }
}

/**
 * Put the name of an input in front of what is wrong with its value.
 *
 * @param {string} name
 * @param {import("./inputs.js").Input} input
 * @param {unknown} raw
 */
function named(name, input, raw) {
  try {
    return viewsOf(input, raw);
  } catch (error) {
    throw name && error instanceof InputError ? new InputError(`${name}: ${error.message}`) : error;
  }
}

/**
 * Open a bundle, check it, and make it ready.
 *
 * @param {string} name of the file.
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {import("./signature.js").Keys} keys one of which must have signed it; where there is none, none need have.
 */
export async function load(name, file, keys) {
  const bundle = await openBundle(name, file, keys);
  return new Predictor(bundle, await Runtime.of(bundle));
}
