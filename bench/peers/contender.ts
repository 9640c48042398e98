// One side of a comparison, and what all sides share: numbers, layouts and the way to time.
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { hashText } from "../../src/tensor/random.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";

/** A tensor on the host. */
export interface HostTensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** One side of a comparison. */
export interface Contender {
  /** Does the work once and waits until the GPU is done. */
  readonly run: () => Promise<void>;
  /** The results of one run, in ringdepth's layouts, one after the other. */
  readonly results: () => Promise<readonly Float32Array[]>;
}

/** Normal random numbers that depend on the name alone. */
export function random(name: string, shape: Shape, deviation = 1): HostTensor {
  return {
    shape,
    data: draw(shape, { kind: "normal", deviation }, hashText(`peers/${name}`)),
  };
}

/** The tensor with its axes in another order: `order[i]` is the old place of axis i. */
export function permuted({ shape, data }: HostTensor, order: readonly number[]): HostTensor {
  const steps = shape.map((_, axis) => size(shape.slice(axis + 1)));
  const to = order.map((axis) => shape[axis]);
  const result = new Float32Array(data.length);
  const place = to.map(() => 0);
  for (let i = 0; i < result.length; i++) {
    let from = 0;
    for (const [axis, at] of place.entries()) from += at * steps[order[axis]];
    result[i] = data[from];
    for (let axis = to.length - 1; axis >= 0 && ++place[axis] === to[axis]; axis--) place[axis] = 0;
  }
  return { shape: to, data: result };
}

/** The order of axes that undoes `order`. */
export function inverse(order: readonly number[]): number[] {
  return order.map((_, axis) => order.indexOf(axis));
}

/** Orders of axes between our layouts and others'. */
export const ORDERS = {
  /** Images: [V, H, W, C] to [V, C, H, W]. */
  channelsFirst: [0, 3, 1, 2],
  /** Weights: [O, H, W, I] to [O, I, H, W]. */
  outputsInputs: [0, 3, 1, 2],
  /** Weights: [O, H, W, I] to [H, W, I, O]. */
  inputsOutputs: [1, 2, 3, 0],
  /** Tokens of heads: [B, T, heads, W] to [B, heads, T, W]. */
  headsFirst: [0, 2, 1, 3],
} as const;

/** Largest difference between two lists of results, as a share of the largest number of each. */
export function difference(ours: readonly Float32Array[], theirs: readonly Float32Array[]): number {
  if (ours.length !== theirs.length) return Infinity;
  return Math.max(...ours.map((one, i) => differenceOf(one, theirs[i])));
}

function differenceOf(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  let [worst, scale] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const error = Math.abs(a[i] - b[i]);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
    scale = Math.max(scale, Math.abs(a[i]));
  }
  return worst / Math.max(scale, 1e-30);
}
