// Logarithmic mel spectra: what of a recording an ear tells apart.
//
// Frames under a Hann window, their power spectrum, triangular bands that are equally wide on the mel scale, the logarithm.

/**
 * How a recording becomes frames.
 *
 * @typedef {object} MelSpectrum
 * @property {number} rate readings a second.
 * @property {number} frame readings of a frame; the transform is as long as the next power of two.
 * @property {number} hop readings from the start of a frame to that of the next.
 * @property {number} bands M, mel bands.
 * @property {number} lowest where the first band begins, in Hz.
 * @property {number} highest where the last band ends, in Hz.
 * @property {"slaney" | "htk"} scale
 * @property {number} floor power that the logarithm sees at least.
 */

/** Hz of a mel below 1 kHz. */
const STRAIGHT = 200 / 3;
/** Mels at 1 kHz. */
const BEND = 15;
/** Logarithm of the ratio of two frequencies a mel apart above 1 kHz. */
const STEP = Math.log(6.4) / 27;

/**
 * Return the logarithm of the power in each band.
 *
 * @param {MelSpectrum} spectrum
 * @param {Float32Array} readings a recording shorter than a frame is followed by silence.
 * @param {number} most frames at most; what is behind them is not looked at.
 * @returns {Float64Array[]} for each frame (M,).
 */
export function melFrames(spectrum, readings, most) {
  const { frame, hop, floor } = spectrum;
  const { size, hann, bands, turn } = prepared(spectrum);
  const count = Math.min(most, 1 + Math.floor(Math.max(0, readings.length - frame) / hop));
  return Array.from({ length: count }, (_, number) => {
    const heard = new Float64Array(size);
    for (let place = 0; place < frame; place++) heard[place] = (readings[number * hop + place] ?? 0) * hann[place];
    const power = powers(heard, turn);
    return Float64Array.from(bands, ({ first, weights }) => {
      let sum = 0;
      for (let place = 0; place < weights.length; place++) sum += power[first + place] * weights[place];
      return Math.log(Math.max(sum, floor));
    });
  });
}

/** @type {WeakMap<MelSpectrum, ReturnType<typeof prepare>>} */
const known = new WeakMap();

/** Return what all recordings share, worked out when the first one is heard. @param {MelSpectrum} spectrum */
function prepared(spectrum) {
  const found = known.get(spectrum) ?? prepare(spectrum);
  known.set(spectrum, found);
  return found;
}

/** @param {MelSpectrum} spectrum */
function prepare(spectrum) {
  const { frame } = spectrum;
  const size = sizeOf(spectrum);
  return {
    size,
    hann: Float64Array.from({ length: frame }, (_, place) => 0.5 - 0.5 * Math.cos((2 * Math.PI * place) / frame)),
    bands: filters(spectrum),
    turn: {
      places: Uint32Array.from({ length: size }, (_, place) => reversed(place, size)),
      cosines: Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size)),
      sines: Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size)),
    },
  };
}

/** Readings of the transform. @param {MelSpectrum} spectrum */
function sizeOf({ frame }) {
  return 2 ** Math.ceil(Math.log2(frame));
}

/**
 * Return how much of each frequency each band hears: from the first that it hears at all.
 *
 * @param {MelSpectrum} spectrum
 */
function filters(spectrum) {
  const { bands, rate, scale } = spectrum;
  const size = sizeOf(spectrum);
  const [low, high] = [mel(spectrum.lowest, scale), mel(spectrum.highest, scale)];
  const edges = Array.from({ length: bands + 2 }, (_, place) =>
    hertz(low + ((high - low) * place) / (bands + 1), scale),
  );
  return Array.from({ length: bands }, (_, band) => {
    const [below, middle, above] = edges.slice(band, band + 3);
    const all = Array.from({ length: size / 2 + 1 }, (_, place) => {
      const frequency = (place * rate) / size;
      const [rising, falling] = [(frequency - below) / (middle - below), (above - frequency) / (above - middle)];
      return (Math.max(0, Math.min(rising, falling)) * 2) / (above - below);
    });
    const first = Math.max(
      0,
      all.findIndex((weight) => weight > 0),
    );
    return { first, weights: all.slice(first, all.findLastIndex((weight) => weight > 0) + 1) };
  });
}

/**
 * @param {number} frequency
 * @param {MelSpectrum["scale"]} scale
 */
function mel(frequency, scale) {
  if (scale === "htk") return 2595 * Math.log10(1 + frequency / 700);
  return frequency < 1000 ? frequency / STRAIGHT : BEND + Math.log(frequency / 1000) / STEP;
}

/**
 * @param {number} mels
 * @param {MelSpectrum["scale"]} scale
 */
function hertz(mels, scale) {
  if (scale === "htk") return 700 * (10 ** (mels / 2595) - 1);
  return mels < BEND ? mels * STRAIGHT : 1000 * Math.exp(STEP * (mels - BEND));
}

/**
 * Return the power of each frequency, (size / 2 + 1,), by Cooley and Tukey's fast transform, 1965.
 *
 * @param {Float64Array} readings as many as a power of two.
 * @param {{places: Uint32Array, cosines: Float64Array, sines: Float64Array}} turn
 */
function powers(readings, { places, cosines, sines }) {
  const size = readings.length;
  const real = new Float64Array(size);
  const imaginary = new Float64Array(size);
  for (let place = 0; place < size; place++) real[places[place]] = readings[place];
  for (let half = 1; half < size; half *= 2) {
    for (let even = 0; even < size; even += even % half === half - 1 ? half + 1 : 1) {
      const odd = even + half;
      const step = (even % half) * (size / half / 2);
      const turnedReal = real[odd] * cosines[step] - imaginary[odd] * sines[step];
      const turnedImaginary = real[odd] * sines[step] + imaginary[odd] * cosines[step];
      real[odd] = real[even] - turnedReal;
      imaginary[odd] = imaginary[even] - turnedImaginary;
      real[even] += turnedReal;
      imaginary[even] += turnedImaginary;
    }
  }
  return Float64Array.from({ length: size / 2 + 1 }, (_, k) => real[k] ** 2 + imaginary[k] ** 2);
}

/**
 * Return a place with its bits in the other order.
 *
 * @param {number} place
 * @param {number} size
 */
function reversed(place, size) {
  let turned = 0;
  for (let bit = 1; bit < size; bit *= 2) turned = turned * 2 + ((place / bit) & 1);
  return turned;
}
