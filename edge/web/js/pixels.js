// The pixels of whatever a person hands in: arrays, and images that the browser decoded.
//
// Legend: H and W pixels, C channels.

import { InputError } from "./errors.js";
import { fit, pad } from "./resize.js";

/** Another size is brought to size by scaling and cropping the centre, or by scaling and a black border; or refused. */
export const RESIZES = /** @type {const} */ (["fit", "pad", "none"]);

/** Pixels of an image file: more would fill the memory of a phone. */
const LARGEST = 2 ** 26;

/**
 * @typedef {typeof RESIZES[number]} Resize
 * @typedef {{width: number, height: number, rgba: Uint8ClampedArray}} Picture what the browser decoded, upright, on white.
 */

/**
 * Return the pixels of an image, (H, W, C).
 *
 * @param {unknown} raw an array of whole numbers from 0 to 255, or a picture.
 * @param {{size: import("./grid.js").Grid, mean: number[], resize: Resize}} input
 */
export function pixelsOf(raw, { size, mean, resize }) {
  const image = isPicture(raw) ? coloured(raw, mean.length) : shaped(raw, size, mean.length);
  if (image.height === size.rows && image.width === size.columns) return image.data;
  if (resize === "none") {
    const got = `${image.height} x ${image.width}`;
    throw new InputError(`expected an image of ${size.rows} x ${size.columns} pixels; got ${got}; bring it to size`);
  }
  return (resize === "fit" ? fit : pad)(image, size.rows, size.columns).data;
}

/**
 * Decode an image file.
 *
 * @param {Blob} file
 * @returns {Promise<Picture>}
 */
export async function decodePicture(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    throw new InputError(`expected an image file; got ${file.size} bytes that this browser cannot decode`);
  }
  const { width, height } = bitmap;
  if (width * height > LARGEST) throw new InputError(`expected at most ${LARGEST} pixels; got ${width} x ${height}`);
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, rgba: context.getImageData(0, 0, width, height).data };
}

/**
 * @param {unknown} raw
 * @returns {raw is Picture}
 */
function isPicture(raw) {
  return typeof raw === "object" && raw !== null && "rgba" in raw;
}

/**
 * Return a picture in grey or in colours.
 *
 * @param {Picture} picture
 * @param {number} channels
 * @returns {import("./resize.js").Pixels}
 */
function coloured({ width, height, rgba }, channels) {
  const data = new Uint8Array(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [red, green, blue] = [rgba[4 * pixel], rgba[4 * pixel + 1], rgba[4 * pixel + 2]];
    if (channels === 1) data[pixel] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    else data.set([red, green, blue], 3 * pixel);
  }
  return { height, width, channels, data };
}

/**
 * Return an array as (height, width, C), of any size.
 *
 * @param {unknown} raw
 * @param {import("./grid.js").Grid} size
 * @param {number} channels
 * @returns {import("./resize.js").Pixels}
 */
function shaped(raw, size, channels) {
  if (typeof raw !== "object" || raw === null || !("data" in raw && "shape" in raw)) {
    throw new InputError(`expected pixels or an image; got ${typeof raw}`);
  }
  const { data, shape } = /** @type {import("./raws.js").Numeric} */ (raw);
  const wrong = data.find((value) => !(Number.isInteger(value) && value >= 0 && value <= 255));
  if (wrong !== undefined) throw new InputError(`expected whole numbers from 0 to 255; got ${wrong}`);
  const whole = [size.rows, size.columns, channels];
  const flat = shape.length === 1 && data.length === whole[0] * whole[1] * channels;
  const given = flat ? whole : shape.length === 2 && channels === 1 ? [...shape, 1] : shape;
  if (given.length !== 3 || given[2] !== channels || !data.length) {
    throw new InputError(`expected pixels of shape ${whole.join(" x ")} or flat; got ${shape.join(" x ")}`);
  }
  return { height: given[0], width: given[1], channels, data: Uint8Array.from(data) };
}
