// The card of the answer: the label, all probabilities, milliseconds.

import { ranked } from "../answers.js";
import { lineChart } from "./chart.js";
import { byId, bytes, el, percent, short } from "./elements.js";

const SHOWN = 5;
const MOST_STRETCHES = 100;

/**
 * Show an answer.
 *
 * @param {import("../predictor.js").Prediction} prediction
 * @param {number} size bytes of the bundle.
 */
export function showAnswer({ answers, milliseconds }, size) {
  const several = answers.size > 1;
  const shown = [...answers].map(([name, answer]) =>
    el("div", { class: "head" }, several ? el("h3", {}, name) : null, ...told(answer)),
  );
  byId("answer-body").replaceChildren(
    ...shown,
    el("p", { class: "time" }, `${milliseconds.toFixed(1)} ms on this device, with a bundle of ${bytes(size)}`),
  );
  const [first] = answers.values();
  tell(said(first));
}

/** Tell an answer to who does not see the card: by voice, or on a bar at the end of a small screen. @param {string} line */
function tell(line) {
  byId("answer-said").textContent = line;
  byId("answer-bar").textContent = line;
  byId("answer-bar").hidden = line === "";
}

/** Take the bar away while the card itself is on the screen. */
export function watchCard() {
  const watch = new IntersectionObserver(([card]) => byId("answer-bar").classList.toggle("away", card.isIntersecting));
  watch.observe(byId("answer-title"));
}

/** Say that there is nothing to answer. @param {string} line */
export function showNothing(line) {
  byId("answer-body").replaceChildren(el("p", { class: "hint" }, line));
  tell("");
}

/** Say what is wrong with the input. @param {string} line */
export function showWrong(line) {
  byId("answer-body").replaceChildren(el("p", { class: "alert" }, line));
  tell(line);
}

/** @param {import("../answers.js").Answer} answer */
function said(answer) {
  if (answer.kind === "label") return `${answer.label}, ${percent(answer.probability)}`;
  if (answer.kind === "labels") return answer.labels.join(", ") || "no label";
  if (answer.kind === "values") return answer.values.map(({ name, value }) => `${name} ${short(value)}`).join(", ");
  if (answer.kind === "tags") return `${answer.stretches.length} stretches of one label each`;
  return `the next ${answer.channels[0].values.length} steps`;
}

/**
 * @param {import("../answers.js").Answer} answer
 * @returns {HTMLElement[]}
 */
function told(answer) {
  switch (answer.kind) {
    case "label":
      return [headline(answer.label, percent(answer.probability)), bars(answer.shares, answer.label)];
    case "labels":
      return [headline(answer.labels.join(", ") || "No label", ""), bars(answer.shares, ...answer.labels)];
    case "values":
      return [
        table(
          ["Name", "Value"],
          answer.values.map(({ name, value }) => [name, short(value)]),
        ),
      ];
    case "future":
      return answer.channels.map(foretold);
    case "tags":
      return [
        table(
          ["Samples", "Label", "Mean probability"],
          answer.stretches
            .slice(0, MOST_STRETCHES)
            .map((s) => [`${s.first}–${s.last}`, s.label, percent(s.probability)]),
        ),
      ];
  }
}

/** @param {import("../answers.js").Channel} channel */
function foretold({ name, values, quantiles }) {
  const outer = quantiles.length > 1 ? [quantiles[0].values, quantiles[quantiles.length - 1].values] : [];
  const rows = values.map((value, step) => [String(step + 1), short(value)]);
  const label = `${name}: from ${short(values[0])} to ${short(values[values.length - 1])} in ${values.length} steps`;
  return el(
    "div",
    { class: "channel" },
    el("h3", {}, label),
    lineChart(values, outer, `Forecast of ${label}`),
    el("details", {}, el("summary", {}, "All steps"), table(["Step", "Value"], rows)),
  );
}

/**
 * @param {string} label
 * @param {string} share
 */
function headline(label, share) {
  return el("p", { class: "headline" }, el("span", { class: "label" }, label), el("span", { class: "share" }, share));
}

/**
 * @param {import("../answers.js").Share[]} shares
 * @param {string[]} chosen
 */
function bars(shares, ...chosen) {
  const items = ranked(shares).map(({ label, probability }) => {
    const bar = el("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", String(probability));
    const look = chosen.includes(label) ? "chosen" : "";
    return el(
      "li",
      { class: look },
      el("span", { class: "name" }, label),
      bar,
      el("span", { class: "value" }, percent(probability)),
    );
  });
  const list = el("ol", { class: "bars" }, ...items.slice(0, SHOWN));
  if (items.length <= SHOWN) return list;
  const more = el("ol", { class: "bars", start: SHOWN + 1 }, ...items.slice(SHOWN));
  return el("div", {}, list, el("details", {}, el("summary", {}, `All ${items.length} labels`), more));
}

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
function table(head, rows) {
  const cells = (/** @type {"th" | "td"} */ tag, /** @type {string[]} */ row) =>
    el("tr", {}, ...row.map((cell) => el(tag, {}, cell)));
  return el("table", {}, el("thead", {}, cells("th", head)), el("tbody", {}, ...rows.map((row) => cells("td", row))));
}
