// Runs beside the page, and hands it what the microphone hears.

registerProcessor(
  "recorder",
  class extends AudioWorkletProcessor {
    /** @param {Float32Array[][]} inputs */
    process([[heard]]) {
      if (heard) this.port.postMessage(heard.slice());
      return true;
    }
  },
);
