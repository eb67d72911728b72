// The silence around what was said: a button is pressed before, and after.

/** Seconds of a stretch whose loudness is looked at. */
const STRETCH = 0.01;
/** Stretches this many times quieter than the loudest one are silence. */
const QUIET = 12;
/** Stretches that stay in front of what was said, and behind it. */
const MARGIN = 2;

/**
 * Return a recording without the silence in front and behind.
 *
 * @param {Float32Array} readings
 * @param {number} rate readings a second.
 */
export function trimmed(readings, rate) {
  const length = Math.max(1, Math.round(rate * STRETCH));
  const count = Math.ceil(readings.length / length);
  const loudness = Array.from({ length: count }, (_, place) => {
    const stretch = readings.subarray(place * length, (place + 1) * length);
    return Math.sqrt(stretch.reduce((sum, value) => sum + value * value, 0) / stretch.length);
  });
  const least = Math.max(...loudness, 0) / QUIET;
  const first = loudness.findIndex((value) => value > least);
  if (first === -1) return readings;
  const last = loudness.findLastIndex((value) => value > least);
  return readings.slice(Math.max(0, first - MARGIN) * length, (last + 1 + MARGIN) * length);
}
