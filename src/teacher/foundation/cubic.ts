// Cubic interpolation of images as OpenCV, PyTorch and Pillow do it. They differ in the sharpness of
// the spline, in smoothing before a reduction, and in how they round.

/** A sample that an interpolated value is made of. */
export interface CubicTap {
  readonly at: number;
  readonly weight: number;
}

/**
 * The weight of a sample at a distance, in samples: Keys' cubic convolution kernel, whose sharpness
 * `a` is -0.5 in Pillow and -0.75 in OpenCV and PyTorch. Source: Keys (1981), eq. 4 and 8.
 */
export function cubicWeight(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/**
 * The four samples of each of `to` values over `from` samples, without smoothing: value i lies at
 * (i + 1/2) step - 1/2, and samples beyond the border are those of the border.
 */
export function cubicTaps(from: number, to: number, step: number, a: number): CubicTap[][] {
  return Array.from({ length: to }, (_, i) => {
    const position = (i + 0.5) * step - 0.5;
    const low = Math.floor(position);
    return [-1, 0, 1, 2].map((offset) => ({
      at: Math.min(Math.max(low + offset, 0), from - 1),
      weight: cubicWeight(position - low - offset, a),
    }));
  });
}

/** Rows, columns and channels of an image. */
export type ImageShape = readonly [rows: number, columns: number, channels: number];

/**
 * An image at another size as OpenCV's INTER_CUBIC makes it of floating-point numbers: a = -0.75,
 * no smoothing, borders repeated. image [H, W, C] of any numbers -> [`to`, C].
 */
export function resizeLikeOpenCv(
  image: ArrayLike<number>,
  [rows, columns, channels]: ImageShape,
  [height, width]: readonly [number, number],
): Float64Array {
  const down = cubicTaps(rows, height, rows / height, -0.75);
  const across = cubicTaps(columns, width, columns / width, -0.75);
  // along the columns first
  const narrow = new Float64Array(rows * width * channels);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const to = (row * width + column) * channels;
      for (const { at, weight } of across[column]) {
        const from = (row * columns + at) * channels;
        for (let c = 0; c < channels; c++) narrow[to + c] += weight * image[from + c];
      }
    }
  }
  const result = new Float64Array(height * width * channels);
  const line = width * channels;
  for (let row = 0; row < height; row++) {
    for (const { at, weight } of down[row]) {
      for (let i = 0; i < line; i++) result[row * line + i] += weight * narrow[at * line + i];
    }
  }
  return result;
}

// Pillow computes in whole numbers: weights of 22 bits after the point.
const PRECISION = 2 ** 22;
const HALF = PRECISION / 2;

/** The samples of a value as Pillow takes them: the first, and whole-number weights. */
interface PillowTaps {
  readonly first: number;
  readonly weights: Float64Array;
}

/**
 * An image of bytes at another size, exactly as Pillow's BICUBIC makes it: a = -0.5, smoothed where
 * it shrinks, columns first, rounded to bytes after either pass. image [H, W, C] -> [`to`, C].
 */
export function resizeLikePillow(
  image: Uint8Array,
  [rows, columns, channels]: ImageShape,
  [height, width]: readonly [number, number],
): Uint8Array {
  const narrow = width === columns ? image : new Uint8Array(rows * width * channels);
  if (width !== columns) {
    const across = pillowTaps(columns, width);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < width; column++) {
        const { first, weights } = across[column];
        for (let c = 0; c < channels; c++) {
          let sum = HALF;
          const from = (row * columns + first) * channels + c;
          for (let i = 0; i < weights.length; i++) sum += weights[i] * image[from + i * channels];
          narrow[(row * width + column) * channels + c] = toByte(sum);
        }
      }
    }
  }
  if (height === rows) return narrow;
  const line = width * channels;
  const result = new Uint8Array(height * line);
  pillowTaps(rows, height).forEach(({ first, weights }, row) => {
    for (let i = 0; i < line; i++) {
      let sum = HALF;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * narrow[(first + k) * line + i];
      result[row * line + i] = toByte(sum);
    }
  });
  return result;
}

function pillowTaps(from: number, to: number): PillowTaps[] {
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const reach = 2 * widening;
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - reach + 0.5), 0);
    const end = Math.min(Math.trunc(center + reach + 0.5), from);
    const weights = Float64Array.from({ length: end - first }, (_unused, k) =>
      cubicWeight((k + first - center + 0.5) / widening, -0.5),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    // rounded half away from zero
    return {
      first,
      weights: weights.map((w) => Math.trunc((w / sum) * PRECISION + (w < 0 ? -0.5 : 0.5))),
    };
  });
}

function toByte(sum: number): number {
  return Math.min(Math.max(Math.floor(sum / PRECISION), 0), 255);
}
