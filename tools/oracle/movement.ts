// The sources' operators that move data, built from slices, transposes, joins and broadcasts of the
// engine.
import { reshape } from "../../src/graph/apply.ts";
import { concat } from "../../src/graph/ops/concat.ts";
import { expand } from "../../src/graph/ops/reduce.ts";
import { slice, transpose } from "../../src/graph/ops/slice.ts";
import type { Value } from "../../src/graph/value.ts";
import { broadcastShape } from "../../src/engine/axes.ts";
import { size } from "../../src/tensor/shape.ts";

/** x in pieces of `sizes` along an axis. */
export function splitBy(x: Value, sizes: readonly number[], axis: number): Value[] {
  let start = 0;
  return sizes.map((length) => {
    const starts = x.shape.map((_, a) => (a === axis ? start : 0));
    start += length;
    return slice(
      x,
      starts,
      x.shape.map((whole, a) => (a === axis ? length : whole)),
    );
  });
}

/**
 * Sizes of `parts` equal pieces of `length`, the last one shorter if `length` does not divide
 * evenly.
 */
export function evenSizes(length: number, parts: number): number[] {
  const each = Math.ceil(length / parts);
  return Array.from({ length: parts }, (_, i) => Math.min(each, length - i * each));
}

/** x broadcast together with `shape`. */
export function broadcastWith(x: Value, shape: readonly number[]): Value {
  return expand(x, broadcastShape(x.shape, shape));
}

/** x repeated along each axis. */
export function tile(x: Value, repetitions: readonly number[]): Value {
  return repetitions.reduce((y, times, axis) => {
    if (times === 0) {
      return slice(
        y,
        y.shape.map(() => 0),
        y.shape.with(axis, 0),
      );
    }
    return concat(
      Array.from({ length: times }, () => y),
      axis,
    );
  }, x);
}

/** A shape in which one -1 stands for the remaining length. */
export function reshapeTo(x: Value, shape: readonly number[]): Value {
  const known = size(shape.filter((length) => length !== -1));
  return reshape(
    x,
    shape.map((length) => (length === -1 ? size(x.shape) / known : length)),
  );
}

/** Blocks of pixels to channels or back: x [N, C, H, W] cut up, its axes reordered, and joined. */
export function rearranged(
  x: Value,
  cut: readonly number[],
  order: readonly number[],
  joined: readonly number[],
): Value {
  return reshape(transpose(reshape(x, cut), order), joined);
}
