// node browser.mjs ADDRESS RAWS: what the page's own modules answer in Chromium, in JSON.

import { readFileSync } from "node:fs";

import { chromium } from "../../edge/web/node_modules/playwright-core/index.mjs";

const [address, file] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  await page.goto(address);
  await page.waitForSelector("#golden.passed");
  const found = await page.evaluate(
    async (raws) => {
      const { load } = await import("/js/predictor.js");
      const { Fields } = await import("/js/fields.js");
      const { readRaw } = await import("/js/raws.js");
      const [{ name, url }] = await (await fetch("bundles.json")).json();
      const predictor = await load(name, new Uint8Array(await (await fetch(url)).arrayBuffer()));
      const answers = [];
      for (const values of raws) {
        const fields = new Fields(values, "raws");
        const given = new Map(Object.keys(values).map((input) => [input, readRaw(fields, input)]));
        await predictor.predict(given); // the first time is not counted, as in Python
        const { outputs, milliseconds } = await predictor.predict(given);
        const plain = Object.fromEntries([...outputs].map(([head, output]) => [head, Array.from(output)]));
        answers.push({ outputs: plain, milliseconds });
      }
      return answers;
    },
    JSON.parse(readFileSync(file, "utf8")),
  );
  process.stdout.write(JSON.stringify(found));
} finally {
  await browser.close();
}
