// Uses the page as a person would, in a real Chromium: node person.mjs SCENARIO '{"url": ...}' prints what was seen, in JSON.

import { createInterface } from "node:readline";

import { chromium, devices } from "../../edge/web/node_modules/playwright-core/index.mjs";

const [scenario, asked] = process.argv.slice(2);
const given = JSON.parse(asked);
const PHONE = devices["Pixel 7"];
const DESK = { viewport: { width: 1280, height: 900 } };
/** LiteRT writes all that it tells as errors, and a machine without a GPU is told as a warning. */
const REMARK = /^(INFO|WARNING): |\[\w+\.cc:\d+\]|WebGPU|No available adapters/;
const PATIENCE = 60_000;

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", ...(given.microphone ? microphone(given.microphone) : [])],
});
const seen = { errors: [], violations: [], elsewhere: [] };

function microphone(file) {
  return [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    `--use-file-for-fake-audio-capture=${file}`,
  ];
}

/** Return the page, opened on a device; what goes wrong is written down. */
async function opened(device, options = {}) {
  const context = await browser.newContext({ ...device, ...options });
  context.setDefaultTimeout(PATIENCE);
  await context.exposeFunction("tellViolation", (line) => seen.violations.push(line));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.tellViolation(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.on("console", (said) => {
    if (said.type() === "error" && !REMARK.test(said.text())) seen.errors.push(said.text());
  });
  page.on("pageerror", (error) => seen.errors.push(error.message));
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && new URL(request.url()).origin !== new URL(given.url).origin) {
      seen.elsewhere.push(request.url());
    }
  });
  await page.goto(given.url);
  await page.waitForSelector("#golden.passed, #golden.failed");
  return page;
}

/** Return what the page shows of an answer that differs from the one before. */
async function answer(page, before = "") {
  const changed = (old) => document.querySelector("#answer-said").textContent !== old;
  await page.waitForFunction(changed, before);
  return {
    said: await page.textContent("#answer-said"),
    label: await page.textContent(".headline .label"),
    share: await page.textContent(".headline .share"),
    bars: await page
      .locator(".bars li")
      .evaluateAll((items) => items.map((item) => [...item.children].map((c) => c.textContent))),
    time: await page.textContent(".time"),
  };
}

/** Press Tab until an element has the focus; return how often. */
async function tabTo(page, selector) {
  for (let presses = 1; presses <= 40; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return presses;
  }
  throw new Error(`no way to ${selector} by Tab`);
}

async function press(page, name) {
  await page.getByRole("button", { name, exact: true }).click();
}

async function open(page, name) {
  await page.click(`[data-bundle="${name}.tflite"]`);
  await page.waitForSelector(`body[data-bundle="${name}"] #golden.passed`);
}

async function stroke(page, points) {
  await page.locator(".board").scrollIntoViewIfNeeded();
  const box = await page.locator(".board").boundingBox();
  const place = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...place(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...place(point), { steps: 6 });
  await page.mouse.up();
}

const SCENARIOS = {
  async typing() {
    const page = await opened(PHONE);
    const presses = await tabTo(page, "textarea");
    await page.keyboard.insertText(given.text);
    const found = await answer(page);
    await page.waitForSelector("mark");
    const marks = await page.locator("mark").count();
    const strongest = await page.locator("#mattered-list li").allTextContents();
    await tabTo(page, "#mattered-choice input");
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((count) => document.querySelectorAll("mark").length > count, marks);
    const words = await page.locator("mark").count();
    const golden = await page.textContent("#golden");
    await page.fill("textarea", " ");
    await page.waitForSelector("#answer-body .hint");
    return { presses, ...found, golden, marks, words, strongest };
  },

  async refusing() {
    const page = await opened(PHONE);
    const lines = [];
    for (const file of given.files) {
      await page.setInputFiles('#choices input[type="file"]', file);
      await page.waitForSelector("#bundle-error:not([hidden])");
      lines.push(await page.textContent("#bundle-error"));
    }
    const stays = await page.evaluate(() => document.body.dataset.bundle);
    await page.setInputFiles('#choices input[type="file"]', given.good);
    await page.waitForSelector(`body[data-bundle="${given.name}"] #golden.passed`);
    const signed = page.locator("#bundle-facts div", { has: page.locator("dt", { hasText: "Signed" }) }).locator("dd");
    const about = (await signed.count()) ? await signed.textContent() : null;
    return { lines, stays, about, alert: await page.isVisible("#bundle-error") };
  },

  async offline() {
    const page = await opened(PHONE);
    await page.waitForSelector("#offline.ready");
    await open(page, "digits");
    process.stdout.write("kept\n");
    await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve)); // the server is gone
    await page.reload();
    await page.waitForSelector("#golden.passed");
    const golden = await page.textContent("#golden");
    await page.fill("textarea", given.text);
    const found = await answer(page);
    await open(page, "digits");
    await page.click('[data-bundle="pitches.tflite"]');
    await page.waitForSelector("#bundle-error:not([hidden])");
    return { golden, ...found, refused: await page.textContent("#bundle-error") };
  },

  async drawing() {
    const page = await opened(PHONE);
    await open(page, "digits");
    const found = {};
    for (const [name, strokes] of Object.entries(given.strokes)) {
      const before = await page.textContent("#answer-said");
      await press(page, "Clear");
      if (before) await page.waitForFunction(() => document.querySelector("#answer-said").textContent === "");
      for (const points of strokes) await stroke(page, points);
      found[name] = (await answer(page)).label;
    }
    await page.waitForSelector("#mattered-body canvas");
    await page.focus(".board");
    await page.keyboard.press("Delete");
    await page.waitForSelector("#answer-body .hint");
    for (const key of given.keys) await page.keyboard.press(key);
    const keyed = await answer(page);
    await page.setInputFiles('#panes input[type="file"]', given.image);
    await page.waitForFunction(() => !document.querySelector(".alert:not([hidden])"));
    const chosen = await answer(page, keyed.said);
    await page.setInputFiles('#panes input[type="file"]', given.noImage);
    await page.waitForSelector("#panes .alert:not([hidden])");
    return { found, keyed: keyed.label, chosen, wrong: await page.textContent("#panes .alert") };
  },

  async listening() {
    const page = await opened(PHONE, { permissions: ["microphone"] });
    await open(page, "pitches");
    await press(page, "Record");
    await page.waitForTimeout(900);
    await press(page, "Stop");
    const recorded = await answer(page);
    const heard = await page.textContent(".heard");
    await page.setInputFiles('#panes input[type="file"]', given.wav);
    const chosen = await answer(page, recorded.said);
    await page.waitForSelector("#mattered-body canvas");
    await page.setInputFiles('#panes input[type="file"]', given.faster);
    await page.waitForFunction(() => document.querySelector(".heard").textContent.includes("resampled"));
    const resampled = await page.textContent(".heard");
    await open(page, "pair");
    for (const area of await page.locator("textarea").all()) await area.fill(given.text);
    await page.waitForSelector(".head h3");
    return { recorded, heard, chosen, resampled, heads: await page.locator(".head h3").allTextContents() };
  },

  async looking() {
    const faults = [];
    for (const [device, look] of Object.entries({ phone: PHONE, desk: DESK })) {
      const page = await opened(look);
      await page.fill("textarea", given.text);
      await page.waitForSelector("mark");
      await page.click("#about summary");
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        if (given.folder)
          await page.screenshot({ path: `${given.folder}/${device}-${colorScheme}.png`, fullPage: true });
        faults.push(...(await page.evaluate(lookedAt)).map((fault) => `${device} ${colorScheme}: ${fault}`));
      }
    }
    return { faults };
  },
};

/** Return what is wrong with how the page looks: contrast below WCAG's 4.5, what has no name, what is wider than the screen. */
function lookedAt() {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const painted = (...colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((v) =>
      v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const grounds = (element) => {
    const found = [];
    for (let each = element; each; each = each.parentElement) found.unshift(getComputedStyle(each).backgroundColor);
    return found;
  };
  const faults = [];
  let texts = 0;
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.disabled) continue;
    texts++;
    const behind = grounds(element);
    const [text, ground] = [painted(...behind, getComputedStyle(element).color), painted(...behind)].map(luminance);
    const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)} of "${element.textContent.trim().slice(0, 40)}"`);
  }
  if (texts < 30) faults.push(`only ${texts} texts were looked at`);
  for (const element of document.querySelectorAll("button, input, textarea, canvas, summary, section, [tabindex]")) {
    const labels = [
      element.getAttribute("aria-label"),
      element.getAttribute("aria-labelledby"),
      element.textContent,
      ...(element.labels ?? []),
    ];
    if (element.tabIndex >= 0 && !labels.some(Boolean)) faults.push(`no name: ${element.outerHTML.slice(0, 80)}`);
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`wider than the screen: ${scrollWidth} of ${clientWidth}`);
  return faults;
}

try {
  const found = await SCENARIOS[scenario]();
  process.stdout.write(`${JSON.stringify({ ...found, seen })}\n`);
} finally {
  await browser.close();
}
process.exit(0);
