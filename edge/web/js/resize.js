// Bring an image to size as Pillow does with Image.Resampling.BILINEAR: the same weights and the same rounding.
//
// Pillow 13 goes along the columns first where it finds that cheaper; of such images a pixel may differ by one of 255.
//
// Legend: H and W pixels, C channels.

/** Bits behind the point of Pillow's weights. */
const PRECISION = 22;

/**
 * Pixels, (height, width, C).
 *
 * @typedef {{height: number, width: number, channels: number, data: Uint8Array}} Pixels
 */

/**
 * Scale an image until both sides reach a size, and crop its centre.
 *
 * @param {Pixels} image
 * @param {number} height
 * @param {number} width
 */
export function fit(image, height, width) {
  const [ratio, wanted] = [image.width / image.height, width / height];
  const cropWidth = ratio > wanted ? wanted * image.height : image.width;
  const cropHeight = ratio < wanted ? image.width / wanted : image.height;
  const [left, top] = [(image.width - cropWidth) * 0.5, (image.height - cropHeight) * 0.5];
  const edges = [left, top, left + cropWidth, top + cropHeight].map(Math.fround); // as Pillow keeps them
  return resized(image, height, width, { left: edges[0], top: edges[1], right: edges[2], bottom: edges[3] });
}

/**
 * Scale an image until both sides fit into a size, and lay it on black.
 *
 * @param {Pixels} image
 * @param {number} height
 * @param {number} width
 */
export function pad(image, height, width) {
  const [ratio, wanted] = [image.width / image.height, width / height];
  const inner = {
    height: ratio > wanted ? rounded((image.height / image.width) * width) : height,
    width: ratio < wanted ? rounded((image.width / image.height) * height) : width,
  };
  const whole = { left: 0, top: 0, right: image.width, bottom: image.height };
  const scaled = resized(image, inner.height, inner.width, whole);
  const [top, left] = [rounded((height - inner.height) * 0.5), rounded((width - inner.width) * 0.5)];
  const out = { height, width, channels: image.channels, data: new Uint8Array(height * width * image.channels) };
  const stride = inner.width * image.channels;
  for (let row = 0; row < inner.height; row++) {
    const place = ((top + row) * width + left) * image.channels;
    out.data.set(scaled.data.subarray(row * stride, (row + 1) * stride), place);
  }
  return out;
}

/** Round to the nearest whole number, and of two as near to the even one, as Python does. @param {number} value */
function rounded(value) {
  const below = Math.floor(value);
  if (value - below === 0.5) return below % 2 ? below + 1 : below;
  return Math.round(value);
}

/**
 * Resample a box of an image, first along its rows, then along its columns.
 *
 * @param {Pixels} image
 * @param {number} height
 * @param {number} width
 * @param {{left: number, top: number, right: number, bottom: number}} box
 * @returns {Pixels}
 */
function resized(image, height, width, { left, top, right, bottom }) {
  const across = width === image.width && left === 0 && right === width;
  const rows = across ? image : transposed(resampled(transposed(image), width, left, right));
  const down = height === image.height && top === 0 && bottom === height;
  return down ? rows : resampled(rows, height, top, bottom);
}

/**
 * @param {Pixels} image
 * @returns {Pixels}
 */
function transposed({ height, width, channels, data }) {
  const turned = new Uint8Array(data.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let channel = 0; channel < channels; channel++) {
        turned[(column * height + row) * channels + channel] = data[(row * width + column) * channels + channel];
      }
    }
  }
  return { height: width, width: height, channels, data: turned };
}

/**
 * Resample the rows from `from` to `to` into `height` ones.
 *
 * @param {Pixels} image
 * @param {number} height
 * @param {number} from
 * @param {number} to
 * @returns {Pixels}
 */
function resampled(image, height, from, to) {
  const stride = image.width * image.channels;
  const out = new Uint8Array(height * stride);
  for (let row = 0; row < height; row++) {
    const { first, weights } = weighed(image.height, height, row, from, to);
    for (let place = 0; place < stride; place++) {
      let sum = 2 ** (PRECISION - 1);
      for (let step = 0; step < weights.length; step++)
        sum += image.data[(first + step) * stride + place] * weights[step];
      out[row * stride + place] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** PRECISION)));
    }
  }
  return { height, width: image.width, channels: image.channels, data: out };
}

/**
 * Return the first row that one of the result is made of, and the weights of it and those behind it.
 *
 * @param {number} rows of the image.
 * @param {number} height of the result.
 * @param {number} row of the result.
 * @param {number} from
 * @param {number} to
 */
function weighed(rows, height, row, from, to) {
  const scale = Math.fround(to - from) / height;
  const support = Math.max(1, scale);
  const centre = from + (row + 0.5) * scale;
  const first = Math.max(0, Math.trunc(centre - support + 0.5));
  const last = Math.min(rows, Math.trunc(centre + support + 0.5));
  const near = Array.from({ length: last - first }, (_, step) =>
    Math.max(0, 1 - Math.abs((step + first - centre + 0.5) * (1 / support))),
  );
  const total = near.reduce((sum, weight) => sum + weight, 0);
  const weights = near.map((weight) => Math.trunc(0.5 + (total ? weight / total : weight) * 2 ** PRECISION));
  return { first, weights };
}
