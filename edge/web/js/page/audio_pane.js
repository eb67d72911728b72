// The pane of a recording: heard by the microphone, or chosen.

import { EdgeError } from "../errors.js";
import { readWav, readingsOf } from "../recordings.js";
import { trimmed } from "../silence.js";
import { el, fileButton } from "./elements.js";
import { LONGEST, decoded, play, record, resampled } from "./sound.js";
import { drawWave } from "./wave.js";

/**
 * @param {string} name
 * @param {import("../audio.js").AudioInput} input
 * @param {() => void} changed
 * @returns {import("./panes.js").Pane}
 */
export function audioPane(name, input, changed) {
  const { rate } = input.spectrum;
  const heard = el("div", { class: "heard" }, el("p", { class: "hint" }, "Record a sound, or choose a recording."));
  const wrong = el("p", { class: "alert", role: "alert", hidden: true });
  /** @type {Float32Array | null} */
  let raw = null;
  const take = (/** @type {Float32Array} */ readings, /** @type {string} */ how) => {
    raw = readingsOf(readings);
    wrong.hidden = true;
    const told = `${(raw.length / rate).toFixed(2)} s at ${rate} Hz${how}`;
    heard.replaceChildren(drawWave(raw, [], "The recording"), el("p", {}, told));
    playing.disabled = false;
    changed();
  };
  const tried = async (/** @type {() => Promise<void>} */ work) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof EdgeError)) throw error;
      wrong.textContent = error.message;
      wrong.hidden = false;
    }
  };
  const choose = (/** @type {File} */ file) =>
    tried(async () => {
      const content = await file.arrayBuffer();
      const wav = readWav(content);
      if (wav && wav.rate === rate) take(wav.readings, "");
      else if (wav) take(await resampled(wav.readings, wav.rate, rate), `, resampled from ${wav.rate} Hz`);
      else take(await decoded(content, rate), ", decoded by the browser");
    });
  const { button, close } = recordButton(
    (found, from) =>
      tried(async () => {
        take(trimmed(await resampled(found, from, rate), rate), ", silence cut off");
      }),
    tried,
  );
  const playing = el("button", { type: "button", disabled: true, click: () => raw && play(raw, rate) }, "Play");
  const title = name === "input" ? "Recording" : `Recording: ${name}`;
  const element = el(
    "div",
    { class: "pane audio" },
    el("h3", {}, title),
    heard,
    wrong,
    el("div", { class: "actions" }, button, fileButton("Choose a recording…", "audio/*,.wav,.flac", choose), playing),
  );
  return { element, raw: () => raw, show: (example) => take(readingsOf(example), ""), close };
}

/**
 * Return a button that begins and ends a recording.
 *
 * @param {(readings: Float32Array, rate: number) => Promise<void>} done
 * @param {(work: () => Promise<void>) => Promise<void>} tried
 */
function recordButton(done, tried) {
  /** @type {import("./sound.js").Recorder | null} */
  let recorder = null;
  const stop = () =>
    tried(async () => {
      const running = recorder;
      recorder = null;
      button.textContent = "Record";
      button.classList.remove("live");
      if (running) await done(await running.stop(), running.rate);
    });
  const start = () =>
    tried(async () => {
      recorder = await record();
      button.textContent = "Stop";
      button.classList.add("live");
      setTimeout(stop, LONGEST * 1000);
    });
  const button = el(
    "button",
    { type: "button", class: "record", click: () => (recorder ? stop() : start()) },
    "Record",
  );
  const close = () => {
    recorder?.stop();
    recorder = null;
  };
  return { button, close };
}
