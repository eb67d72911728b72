// node mediapipe.mjs MODEL RAWS: what MediaPipe's JavaScript answers in Chromium, as mediapipe_python.py does in Python,
// and which addresses it asked for that are not its own files; those are refused.

import { readFileSync } from "node:fs";

import { chromium } from "../../edge/web/node_modules/playwright-core/index.mjs";

const [model, file] = process.argv.slice(2);
const PACKAGES = new URL("../../edge/web/node_modules/@mediapipe/", import.meta.url);
const HERE = "http://localhost/";
const TYPES = { js: "text/javascript", mjs: "text/javascript", wasm: "application/wasm" };
const elsewhere = [];
// Images go through WebGL, which a machine without a GPU computes in software.
const args = ["--no-sandbox", "--enable-unsafe-swiftshader"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args });

async function answered(route) {
  const url = route.request().url();
  const path = url.startsWith(HERE) ? url.slice(HERE.length) : null;
  if (path === null) {
    elsewhere.push(url);
    await route.abort();
  } else if (path === "") await route.fulfill({ contentType: "text/html", body: "<!doctype html>" });
  else if (path === "model") await route.fulfill({ body: readFileSync(model) });
  else {
    const contentType = TYPES[path.split(".").pop()];
    await route.fulfill({ contentType, body: readFileSync(new URL(path, PACKAGES)) });
  }
}

async function classified(raws) {
  const text = typeof raws[0] === "string";
  const kind = text ? "text" : "vision";
  const tasks = await import(`/tasks-${kind}/${kind}_bundle.mjs`);
  const files = await tasks.FilesetResolver[text ? "forTextTasks" : "forVisionTasks"](`/tasks-${kind}/wasm`);
  const modelAssetBuffer = new Uint8Array(await (await fetch("/model")).arrayBuffer());
  const Classifier = text ? tasks.TextClassifier : tasks.ImageClassifier;
  const classifier = await Classifier.createFromOptions(files, { baseOptions: { modelAssetBuffer } });
  const found = raws.map((raw) => {
    const answer = classifier.classify(text ? raw : image(raw));
    const { categories } = answer.classifications[0];
    return Object.fromEntries(categories.map(({ categoryName, score }) => [categoryName, score]));
  });
  classifier.close();
  return found;

  function image(rows) {
    const [height, width] = [rows.length, rows[0].length];
    const pixels = new Uint8ClampedArray(rows.flat().flatMap((pixel) => [...pixel, 255]));
    return new ImageData(pixels, width, height);
  }
}

try {
  const page = await browser.newPage();
  await page.route("**/*", answered);
  await page.goto(HERE);
  const scores = await page.evaluate(classified, JSON.parse(readFileSync(file, "utf8")));
  process.stdout.write(JSON.stringify({ scores, elsewhere }));
} finally {
  await browser.close();
}
