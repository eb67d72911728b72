// Recordings in the forms that people have: arrays, WAV; all become readings from -1 to 1.

import { InputError } from "./errors.js";

/** Readings with a point are at most this large: resampling leaves some beyond 1, but integers are far beyond. */
const LOUDEST = 1.5;
const [PCM, FLOAT, EXTENSIBLE] = [1, 3, 0xfffe];
const UNTIL_END = 0xffffffff;

/**
 * Return the readings of a recording at the rate that is expected, (T,).
 *
 * @param {unknown} raw readings with a point, or an array of int16 or float32.
 * @returns {Float32Array}
 */
export function readingsOf(raw) {
  const data = raw instanceof Float32Array ? raw : flat(raw);
  const readings = data instanceof Int16Array ? Float32Array.from(data, (value) => value / 32768) : checked(data);
  if (!readings.length) throw new InputError("expected a recording with at least one reading; got an empty one");
  return readings;
}

/** @param {unknown} raw */
function flat(raw) {
  if (typeof raw !== "object" || raw === null || !("data" in raw && "shape" in raw)) {
    throw new InputError(`expected a recording; got ${typeof raw}`);
  }
  const { data, shape } = /** @type {import("./raws.js").Numeric} */ (raw);
  if (shape.length !== 1) throw new InputError(`expected readings along one axis; got shape ${shape.join(" x ")}`);
  if (!(data instanceof Int16Array || data instanceof Float32Array)) {
    throw new InputError("expected readings of int16, or of float from -1 to 1; got others");
  }
  return data;
}

/** Refuse readings that are no numbers, or no readings from -1 to 1. @param {Float32Array} readings */
function checked(readings) {
  const wrong = readings.find((value) => !(Math.abs(value) <= LOUDEST));
  if (wrong !== undefined && Number.isFinite(wrong)) {
    throw new InputError(`expected readings from -1 to 1; got ${wrong}; divide int16 values by 32768`);
  }
  if (wrong !== undefined) throw new InputError("expected finite readings; got NaN or infinity");
  return readings;
}

/**
 * Read a WAV file of 8, 16, 24 or 32 bits, whole numbers or numbers with a point; several channels become their mean.
 *
 * @param {ArrayBuffer} file
 * @returns {{rate: number, readings: Float32Array} | null} null where it is no WAV file.
 */
export function readWav(file) {
  if (file.byteLength < 12 || tag(file, 0) !== "RIFF" || tag(file, 8) !== "WAVE") return null;
  const chunks = chunksOf(file);
  const [format, data] = [chunks.get("fmt "), chunks.get("data")];
  if (!format || !data || format.byteLength < 16) {
    throw new InputError("expected a WAV file with a format and data; got one without; it is damaged");
  }
  const [first, channels, bits] = [0, 2, 14].map((place) => format.getUint16(place, true));
  const code = first === EXTENSIBLE && format.byteLength >= 26 ? format.getUint16(24, true) : first;
  const known = (code === PCM && [8, 16, 24, 32].includes(bits)) || (code === FLOAT && bits === 32);
  if (!known || !channels) {
    throw new InputError(`expected WAV of 8, 16, 24 or 32 bits without compression; got code ${code} of ${bits} bits`);
  }
  if (data.byteLength % ((channels * bits) / 8)) {
    throw new InputError("expected a WAV file with whole readings; its data ends in the midst of one; it is damaged");
  }
  return { rate: format.getUint32(4, true), readings: mixed(samples(data, code, bits), channels) };
}

/** Return the chunks of a WAV file up to its data. @param {ArrayBuffer} file */
function chunksOf(file) {
  /** @type {Map<string, DataView>} */
  const found = new Map();
  for (let place = 12; place + 8 <= file.byteLength && !found.has("data");) {
    const name = tag(file, place);
    const size = new DataView(file).getUint32(place + 4, true);
    place += 8;
    const missing = place + size - file.byteLength;
    if (missing > 0 && !(name === "data" && size === UNTIL_END)) {
      throw new InputError(`expected a whole WAV file; it was cut off ${missing} bytes early`);
    }
    found.set(name, new DataView(file, place, missing > 0 ? undefined : size));
    place += size + (size % 2);
  }
  return found;
}

/**
 * @param {ArrayBuffer} file
 * @param {number} place
 */
function tag(file, place) {
  return String.fromCharCode(...new Uint8Array(file, place, 4));
}

/**
 * @param {DataView} data
 * @param {number} code
 * @param {number} bits
 */
function samples(data, code, bits) {
  const bytes = bits / 8;
  const read = {
    8: (/** @type {number} */ place) => (data.getUint8(place) - 128) / 128,
    16: (/** @type {number} */ place) => data.getInt16(place, true) / 2 ** 15,
    24: (/** @type {number} */ place) => (data.getInt16(place + 1, true) * 256 + data.getUint8(place)) / 2 ** 23,
    32: (/** @type {number} */ place) =>
      code === FLOAT ? data.getFloat32(place, true) : data.getInt32(place, true) / 2 ** 31,
  }[/** @type {8 | 16 | 24 | 32} */ (bits)];
  return Float32Array.from({ length: data.byteLength / bytes }, (_, number) => read(number * bytes));
}

/**
 * @param {Float32Array} readings
 * @param {number} channels
 */
function mixed(readings, channels) {
  if (channels === 1) return readings;
  return Float32Array.from({ length: readings.length / channels }, (_, t) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += readings[t * channels + channel];
    return sum / channels;
  });
}
