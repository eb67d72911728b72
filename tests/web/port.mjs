// The page's own modules, asked from Python: one question in JSON a line, one answer a line.

import { createInterface } from "node:readline";

import { openBundle } from "../../edge/web/js/bundle.js";
import { cover } from "../../edge/web/js/cover.js";
import { framed, framing } from "../../edge/web/js/drawing.js";
import { unitsOf } from "../../edge/web/js/explain.js";
import { Fields } from "../../edge/web/js/fields.js";
import { readInput, viewsOf } from "../../edge/web/js/inputs.js";
import { readRaw } from "../../edge/web/js/raws.js";
import { readWav } from "../../edge/web/js/recordings.js";
import { readKeys } from "../../edge/web/js/signature.js";
import { trimmed } from "../../edge/web/js/silence.js";
import { readValues } from "../../edge/web/js/values.js";

const inputs = new Map();

/** What each question is answered with. */
const ANSWERS = {
  cover: ({ units, counts }) => cover(units, counts),
  values: ({ text, kind }) => readValues(text, kind),
  open: async ({ base64, keys = "" }) => (await openBundle("file", bytes(base64), await readKeys(keys))).manifest.name,
  wav: ({ base64 }) => {
    const found = readWav(bytes(base64).buffer);
    return found && { rate: found.rate, readings: Array.from(found.readings) };
  },
  trimmed: ({ readings, rate }) => Array.from(trimmed(Float32Array.from(readings), rate)),
  drawn: ({ examples, ink, drawn, size }) => {
    const frame = framing(
      examples.map((data) => ({ data })),
      size,
    );
    return Array.from(framed(Float32Array.from(ink), drawn, size, frame) ?? []);
  },
  views: ({ input, raw }) => viewed(known(input), readRaw(new Fields({ raw }, "raw"), "raw")),
  parts: ({ input, raw }) => {
    const [fitted, given] = [known(input), readRaw(new Fields({ raw }, "raw"), "raw")];
    const units = unitsOf(fitted, fitted.kind === "audio" ? given.data : given); // the page decodes recordings itself
    return units.map(({ granularity, place, without }) => ({ granularity, place, ...viewed(fitted, without()) }));
  },
};

function known(input) {
  if (!inputs.has(input)) inputs.set(input, read(JSON.parse(input)));
  return inputs.get(input);
}

function viewed(input, raw) {
  const { samples, lengths, standing, whole } = viewsOf(input, raw);
  const plain = samples.map((each) => each && { data: Array.from(each.data), channels: each.channels });
  return {
    samples: plain,
    lengths,
    standing: standing && [Array.from(standing.factor), Array.from(standing.shift)],
    whole: whole && Array.from(whole.data),
  };
}

function bytes(base64) {
  return Uint8Array.from(Buffer.from(base64, "base64"));
}

function read({ asked, parts }) {
  const files = new Map(Object.entries(parts).map(([name, text]) => [name, new TextEncoder().encode(text)]));
  return readInput("input", Fields.of(asked, "manifest.json: inputs.input"), files);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...given } = JSON.parse(line);
  let answer;
  try {
    answer = { found: await ANSWERS[ask](given) };
  } catch (error) {
    answer = { error: error.constructor.name, line: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
