// The definitions of the transforms of a Winograd convolution in plain loops, and sums of the
// magnitudes of their terms.
import { like, type NumberArray } from "../../tensor/array.ts";
import type { Shape } from "../../tensor/shape.ts";
import {
  AT_POINTS,
  FROM_POINTS,
  magnitudesOf,
  PATCH,
  POINTS,
  TAPS_AT_POINTS,
  TILE,
  tilesOf,
  transform,
  type Matrix,
} from "./winograd_points.ts";

/** The numbers themselves, or their magnitudes with those of all coefficients. */
export type Part = "value" | "magnitude";

/** The value or its magnitude. */
export const partOf = (value: number, part: Part): number =>
  part === "magnitude" ? Math.abs(value) : value;

/** The square matrix of so many rows that `read` gives, transformed along both axes. */
export function transformed(
  matrix: Matrix,
  rows: number,
  part: Part,
  read: (row: number, column: number) => number,
): readonly (readonly number[])[] {
  const used = part === "magnitude" ? magnitudesOf(matrix) : matrix;
  // columns first, as the shader of the image does, so that infinities meet in the same sums
  const columns = Array.from({ length: rows }, (_, column) => {
    const numbers = Array.from({ length: rows }, (__, row) => partOf(read(row, column), part));
    return transform(used, numbers);
  });
  return used.map((_, i) => {
    const numbers = columns.map((column) => column[i]);
    return transform(used, numbers);
  });
}

/** The image at the points; see `winogradImage`. */
export function imageOf<T extends NumberArray>(
  x: T,
  [, height, width, channels]: readonly [number, number, number, number],
  attributes: {
    readonly padding: readonly [number, number];
    readonly output: readonly [number, number];
    readonly lines: readonly [number, number];
  },
  part: Part,
): T {
  const { padding, output, lines } = attributes;
  const [tiles_h, tiles_w] = tilesOf(output);
  const tiles = lines[1] * tiles_w;
  const result = like(x, POINTS * tiles * channels);
  for (let tile = 0; tile < tiles; tile++) {
    const line = lines[0] + Math.floor(tile / tiles_w);
    const view = Math.floor(line / tiles_h);
    const top = TILE * (line % tiles_h) - padding[0];
    const left = TILE * (tile % tiles_w) - padding[1];
    for (let c = 0; c < channels; c++) {
      const points = transformed(AT_POINTS, PATCH, part, (a, b) => {
        const [h, w] = [top + a, left + b];
        const inside = h >= 0 && h < height && w >= 0 && w < width;
        return inside ? x[((view * height + h) * width + w) * channels + c] : 0;
      });
      points.flat().forEach((value, point) => {
        result[(point * tiles + tile) * channels + c] = value;
      });
    }
  }
  return result;
}

/** The weight at the points; see `winogradWeight`. */
export function tapsOf<T extends NumberArray>(
  weight: T,
  shape: Shape,
  turned: boolean,
  part: Part,
): T {
  const [outputs, channels] = [shape[0], shape[3]];
  const result = like(weight, POINTS * outputs * channels);
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < channels; c++) {
      const points = transformed(TAPS_AT_POINTS, 3, part, (a, b) => {
        const tap = turned ? 8 - 3 * a - b : 3 * a + b;
        return weight[(o * 9 + tap) * channels + c];
      });
      points.flat().forEach((value, point) => {
        result[(point * outputs + o) * channels + c] = value;
      });
    }
  }
  return result;
}

/** A copy of y with the outputs of some lines of tiles; see `winogradOutput`. */
export function outputOf<T extends NumberArray>(
  { products, bias, y }: Readonly<Record<"products" | "bias" | "y", T>>,
  [, height, width, channels]: readonly [number, number, number, number],
  { relu, lines }: { readonly relu: boolean; readonly lines: readonly [number, number] },
  part: Part,
): T {
  const [tiles_h, tiles_w] = tilesOf([height, width]);
  const tiles = lines[1] * tiles_w;
  const result = y.slice() as T;
  for (let tile = 0; tile < tiles; tile++) {
    const line = lines[0] + Math.floor(tile / tiles_w);
    const view = Math.floor(line / tiles_h);
    const top = TILE * (line % tiles_h);
    const left = TILE * (tile % tiles_w);
    for (let o = 0; o < channels; o++) {
      const cells = transformed(FROM_POINTS, PATCH, part, (i, j) => {
        const point = PATCH * i + j;
        return products[(point * tiles + tile) * channels + o];
      });
      const start = bias.length === 0 ? 0 : partOf(bias[o], part);
      for (let a = 0; a < Math.min(TILE, height - top); a++) {
        for (let b = 0; b < Math.min(TILE, width - left); b++) {
          const sum = start + cells[a][b];
          const at = ((view * height + top + a) * width + left + b) * channels + o;
          result[at] = relu ? Math.max(sum, 0) : sum;
        }
      }
    }
  }
  return result;
}
