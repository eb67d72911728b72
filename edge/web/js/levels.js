// How the levels of an input hang together.
//
// A level that reads a raw view starts a chain; the levels that build on it, one on top of another, go on with it. The
// units of a level are the samples of the next one in its chain.

import { BundleError } from "./errors.js";

const LONGEST = 4096;
const COARSEST = 2 ** 20;
const MOST = 16;

/**
 * What a unit of one granularity covers: samples along one axis at most, and readings along an axis that are averaged
 * into one sample of the raw input; null where the samples are the units of the finer level.
 *
 * @typedef {{length: number, scale: number | null}} Window
 */

/**
 * A level that reads a raw view, and those that build on it: readings along an axis that are averaged into one sample,
 * and samples of a unit along an axis, finest level first.
 *
 * @typedef {{scale: number, lengths: number[]}} Chain
 */

/**
 * Return for each level, finest first, the chain that it starts; null where it goes on with the one before it.
 *
 * @param {Window[]} levels
 * @returns {(Chain | null)[]}
 */
export function chains(levels) {
  /** @type {Chain[]} */
  const started = [];
  return levels.map((window, place) => {
    if (place === 0 || window.scale !== null) {
      started.push({ scale: window.scale ?? 1, lengths: [window.length] });
      return started[started.length - 1];
    }
    started[started.length - 1].lengths.push(window.length);
    return null;
  });
}

/** Readings along an axis that one unit of the coarsest level of a chain covers. @param {Chain} chain */
export function reach(chain) {
  return chain.scale * product(chain.lengths);
}

/**
 * Return how many readings along an axis one sample of each level covers, finest level first.
 *
 * @param {Window[]} levels
 */
export function spans(levels) {
  const started = chains(levels);
  let span = 1;
  return levels.map((window, place) => {
    const covered = started[place]?.scale ?? span;
    span = covered * window.length;
    return covered;
  });
}

/** @param {readonly number[]} values */
export function product(values) {
  return values.reduce((all, value) => all * value, 1);
}

/**
 * Return the levels that a manifest holds, finest first.
 *
 * @param {import("./fields.js").Fields} fields
 * @param {readonly string[]} [known] the levels that the input can be read at, finest first; any where it is not given.
 * @returns {Map<string, Window>}
 */
export function readLevels(fields, known) {
  const names = fields.names;
  const expected = known?.filter((name) => names.includes(name));
  if (expected && (!names.length || names.join() !== expected.join())) {
    const told = `one or more of ${known?.join(", ")} in this order`;
    throw new BundleError(`${fields.where}: expected ${told}; got ${names.join(", ")}; make the bundle again`);
  }
  if (names.length < 1 || names.length > MOST) {
    throw new BundleError(`${fields.where}: expected 1 to ${MOST} levels; got ${names.length}; make the bundle again`);
  }
  return new Map(names.map((name, place) => [name, readWindow(fields.inner(name), place === 0)]));
}

/**
 * @param {import("./fields.js").Fields} fields
 * @param {boolean} first
 * @returns {Window}
 */
function readWindow(fields, first) {
  const builds = fields.isNull("scale") && !first;
  return { length: fields.whole("length", 1, LONGEST), scale: builds ? null : fields.whole("scale", 1, COARSEST) };
}
