// Position embeddings at the size of an image: the learnt square, interpolated by cubic splines.
// The two publications place their samples differently.
import type { Shape } from "../../tensor/shape.ts";
import { cubicTaps, type CubicTap } from "./cubic.ts";

/**
 * Where the samples lie. `size`: the square is stretched over the image (transformers). `offset`:
 * 0.1 patches are added to both sizes of the image first (the original repositories, to hide a
 * rounding error of an earlier PyTorch).
 */
export type PositionRule = "size" | "offset";

const OFFSET = 0.1;
// PyTorch's cubic interpolation
const SHARPNESS = -0.75;

/**
 * Embeddings of rows x columns patches from a square of grid x grid. square [grid, grid, D] ->
 * [rows, columns, D]. The square itself where its size is the image's.
 *
 * Source: `interpolate_pos_encoding` of DINOv2 and of transformers; PyTorch's bicubic, without
 * smoothing, borders repeated.
 */
export function positionsAt(
  square: Float32Array,
  [grid, , width]: Shape,
  [rows, columns]: readonly [number, number],
  rule: PositionRule,
): Float32Array {
  if (rows === grid && columns === grid) return square;
  const along = (patches: number): CubicTap[][] =>
    cubicTaps(grid, patches, grid / (patches + (rule === "offset" ? OFFSET : 0)), SHARPNESS);
  const [down, across] = [along(rows), along(columns)];
  const result = new Float32Array(rows * columns * width);
  const sum = new Float64Array(width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      sum.fill(0);
      for (const { at: r, weight: byRow } of down[row]) {
        for (const { at: c, weight: byColumn } of across[column]) {
          const weight = byRow * byColumn;
          const from = (r * grid + c) * width;
          for (let i = 0; i < width; i++) sum[i] += weight * square[from + i];
        }
      }
      result.set(sum, (row * columns + column) * width);
    }
  }
  return result;
}
