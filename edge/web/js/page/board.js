// A board to draw on, with a finger, a pen, a mouse or the keyboard.

import { el } from "./elements.js";

/** Points along a side, whatever size it is shown in. */
export const SIDE = 280;
const STEP = SIDE / 20;
const MOVES = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, -STEP],
  ArrowDown: [0, STEP],
});

/**
 * @typedef {{x: number, y: number}} Point
 * @typedef {{element: HTMLElement, ink: () => Float32Array, clear: () => void}} Board
 */

/**
 * Return an empty board.
 *
 * @param {number} stroke width of the pen, in points.
 * @param {() => void} changed
 * @returns {Board}
 */
export function board(stroke, changed) {
  const canvas = el("canvas", {
    width: SIDE,
    height: SIDE,
    class: "board",
    tabindex: 0,
    role: "application",
    "aria-label": "Drawing board",
    "aria-describedby": "board-keys",
  });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  Object.assign(context, {
    lineWidth: stroke,
    lineCap: "round",
    lineJoin: "round",
    strokeStyle: "white",
    fillStyle: "white",
  });
  const pen = el("span", { class: "pen", "aria-hidden": "true" });
  const draw = (/** @type {Point} */ from, /** @type {Point} */ to) => {
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y + 0.01); // a dot where both are one
    context.stroke();
    changed();
  };
  const clear = () => {
    context.clearRect(0, 0, SIDE, SIDE);
    changed();
  };
  listenToPointer(canvas, draw);
  listenToKeys(canvas, pen, draw, clear);
  const keys = "With the keyboard: the arrows move the pen, space puts it down or lifts it, Delete clears the board.";
  const element = el(
    "div",
    { class: "board-frame" },
    canvas,
    pen,
    el("p", { id: "board-keys", class: "keys board-keys" }, keys),
  );
  const ink = () => {
    const { data } = context.getImageData(0, 0, SIDE, SIDE);
    return Float32Array.from({ length: SIDE * SIDE }, (_, pixel) => data[4 * pixel + 3] / 255);
  };
  return { element, ink, clear };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {(from: Point, to: Point) => void} draw
 */
function listenToPointer(canvas, draw) {
  /** @type {Point | null} */
  let last = null;
  const pointOf = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    last = pointOf(event);
    draw(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const point = pointOf(event);
    draw(last, point);
    last = point;
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} pen
 * @param {(from: Point, to: Point) => void} draw
 * @param {() => void} clear
 */
function listenToKeys(canvas, pen, draw, clear) {
  let [at, down] = [{ x: SIDE / 2, y: SIDE / 4 }, false];
  const within = (/** @type {number} */ value) => Math.min(SIDE - STEP, Math.max(STEP, value));
  const show = () => {
    pen.style.setProperty("--x", String(at.x / SIDE));
    pen.style.setProperty("--y", String(at.y / SIDE));
    pen.classList.toggle("down", down);
  };
  show();
  canvas.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (move) {
      const to = { x: within(at.x + move[0]), y: within(at.y + move[1]) };
      if (down) draw(at, to);
      at = to;
    } else if (event.key === " ") {
      down = !down;
      if (down) draw(at, at);
    } else if (event.key === "Delete") {
      down = false;
      clear();
    } else return;
    event.preventDefault();
    show();
  });
}
