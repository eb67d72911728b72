// The microphone, the loudspeaker, and other rates.

import { InputError } from "../errors.js";

/** Seconds of a recording at most. */
export const LONGEST = 20;

/**
 * A recording that goes on.
 *
 * @typedef {{rate: number, stop: () => Promise<Float32Array>}} Recorder
 */

/**
 * Begin to record.
 *
 * @returns {Promise<Recorder>}
 */
export async function record() {
  const stream = await microphone();
  const context = new AudioContext();
  await context.audioWorklet.addModule(new URL("./recorder_worklet.js", import.meta.url));
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  /** @type {Float32Array[]} */
  const pieces = [];
  node.port.onmessage = ({ data }) => pieces.push(data);
  context.createMediaStreamSource(stream).connect(node);
  await context.resume();
  const stop = async () => {
    for (const track of stream.getTracks()) track.stop();
    await context.close();
    const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    pieces.reduce((place, piece) => (whole.set(piece, place), place + piece.length), 0);
    if (!whole.length) throw new InputError("expected a sound from the microphone; got none; record again");
    return whole;
  };
  return { rate: context.sampleRate, stop };
}

async function microphone() {
  if (!navigator.mediaDevices) throw new InputError("expected a page that may record; open it by https or localhost");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false },
    });
  } catch (error) {
    const { name } = /** @type {Error} */ (error);
    throw new InputError(`expected a microphone that this page may use; got ${name}; allow it, or choose a recording`);
  }
}

/**
 * Return a recording at another rate.
 *
 * @param {Float32Array} readings
 * @param {number} from readings a second.
 * @param {number} to readings a second.
 */
export async function resampled(readings, from, to) {
  if (from === to || !readings.length) return readings;
  const context = new OfflineAudioContext(1, Math.max(1, Math.round((readings.length * to) / from)), to);
  const source = context.createBufferSource();
  source.buffer = bufferOf(context, readings, from);
  source.connect(context.destination);
  source.start();
  return (await context.startRendering()).getChannelData(0);
}

/**
 * Decode a recording in any format that the browser knows, at a rate; several channels become their mean.
 *
 * @param {ArrayBuffer} content
 * @param {number} rate
 */
export async function decoded(content, rate) {
  const size = content.byteLength;
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(content);
  } catch {
    throw new InputError(`expected a recording; got ${size} bytes that this browser cannot decode`);
  }
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel));
  return channels[0].map((_, place) => channels.reduce((sum, each) => sum + each[place], 0) / channels.length);
}

/**
 * Let a recording be heard.
 *
 * @param {Float32Array} readings
 * @param {number} rate
 */
export async function play(readings, rate) {
  const context = new AudioContext();
  const source = context.createBufferSource();
  source.buffer = bufferOf(context, readings, rate);
  source.connect(context.destination);
  source.onended = () => context.close();
  source.start();
}

/**
 * @param {BaseAudioContext} context
 * @param {Float32Array} readings
 * @param {number} rate
 */
function bufferOf(context, readings, rate) {
  const buffer = context.createBuffer(1, readings.length, rate);
  buffer.getChannelData(0).set(readings);
  return buffer;
}
