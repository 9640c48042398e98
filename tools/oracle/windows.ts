// Convolutions and pooling in the layouts and padding rules of the sources: axes moved on the host,
// one-dimensional problems as images of one row, automatic padding worked out in numbers.
import { reshape } from "../../src/graph/apply.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { conv2dTranspose } from "../../src/graph/ops/conv2d_transpose.ts";
import type { Value } from "../../src/graph/value.ts";
import { pooledSize } from "../../src/kernels/pool.ts";

/** Height and width. */
export type Pair = readonly [h: number, w: number];
/** Zeros at top, bottom, left and right. */
export type Sides = readonly [top: number, bottom: number, left: number, right: number];

/** Order of axes that brings NCHW (or NCL) to channels last. */
export const CHANNELS_LAST: Readonly<Record<number, readonly number[]>> = {
  3: [0, 2, 1],
  4: [0, 2, 3, 1],
};

/** Order of axes from a layout, spelled in letters, to another one of the same letters. */
export function axesBetween(from: string, to: string): readonly number[] {
  return Array.from(to, (letter) => from.indexOf(letter));
}

/** [N, L, C] as an image of one row [N, 1, L, C]; an image as it is. */
export function asRows(x: Value): Value {
  if (x.shape.length === 4) return x;
  const [n, ...rest] = x.shape;
  return reshape(x, [n, 1, ...rest]);
}

/** The image [N, 1, L, C] as [N, L, C] where `like` has three axes. */
export function likeRows(y: Value, like: Value): Value {
  if (like.shape.length === 4) return y;
  const [n, , length, channels] = y.shape;
  return reshape(y, [n, length, channels]);
}

/** A pair from numbers for one axis (of an image of one row) or two. */
export function pairOf(numbers: readonly number[], row: number): Pair {
  return numbers.length === 1 ? [row, numbers[0]] : [numbers[0], numbers[1]];
}

/** Sides from ONNX's order: beginnings of all axes, then ends. */
export function sidesOf(pads: readonly number[]): Sides {
  if (pads.length === 2) return [0, 0, pads[0], pads[1]];
  const [top, left, bottom, right] = pads;
  return [top, bottom, left, right];
}

/**
 * Padding that makes ceil(size / stride) outputs; an odd one more at the end (`upper`) or the
 * beginning.
 */
export function samePadding(
  size: Pair,
  kernel: Pair,
  stride: Pair,
  dilation: Pair,
  upper: boolean,
): Sides {
  const along = (axis: 0 | 1): Pair => {
    const span = dilation[axis] * (kernel[axis] - 1) + 1;
    const steps = Math.ceil(size[axis] / stride[axis]) - 1;
    const total = Math.max(0, steps * stride[axis] + span - size[axis]);
    const less = Math.floor(total / 2);
    return upper ? [less, total - less] : [total - less, less];
  };
  return [...along(0), ...along(1)];
}

/** Whether every window, `size` of them along an axis, has a tap inside the image. */
export function touchesImage(
  size: Pair,
  kernel: Pair,
  { stride, padding, dilation }: Window,
  ceil: boolean,
): boolean {
  return ([0, 1] as const).every((axis) => {
    const [before, after] = [padding[2 * axis], padding[2 * axis + 1]];
    const sides: Pair = [before, after];
    const args = [size[axis], kernel[axis], stride[axis], sides, dilation[axis], ceil] as const;
    return Array.from({ length: pooledSize(...args) }, (_, o) => o * stride[axis] - before).every(
      (first) =>
        Array.from({ length: kernel[axis] }, (_, k) => first + k * dilation[axis]).some(
          (at) => at >= 0 && at < size[axis],
        ),
    );
  });
}

/**
 * The window with its padding made longer behind, so that windows which hang over the edge with
 * ceil rounding lie inside the padding.
 */
export function reachingOver(size: Pair, kernel: Pair, window: Window): Window {
  const { stride, padding, dilation } = window;
  const along = (axis: 0 | 1): Pair => {
    const [before, after] = [padding[2 * axis], padding[2 * axis + 1]];
    const count = pooledSize(
      size[axis],
      kernel[axis],
      stride[axis],
      [before, after],
      dilation[axis],
      true,
    );
    const reach = (count - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    return [before, Math.max(after, reach - size[axis] - before)];
  };
  return { stride, dilation, padding: [...along(0), ...along(1)] };
}

/** Everything a convolution or a window needs but the tensors. */
export interface Window {
  readonly stride: Pair;
  readonly padding: Sides;
  readonly dilation: Pair;
}

/** Convolution of [N, (H,) W, C] by a weight [O, (KH,) KW, C/groups]. */
export function convolution(
  x: Value,
  weight: Value,
  bias: Value | null,
  window: Window,
  groups: number,
): Value {
  const y = conv2d(asRows(x), asRows(weight), bias, {
    stride: window.stride,
    pad: window.padding,
    dilation: window.dilation,
    groups,
  });
  return likeRows(y, x);
}

/**
 * Transposed convolution to a given size of y; rows and columns that nothing reaches are zeros
 * (plus bias).
 */
export function transposedConvolution(
  x: Value,
  weight: Value,
  bias: Value | null,
  window: Window,
  groups: number,
  outputPadding: Pair,
): Value {
  const y = conv2dTranspose(asRows(x), asRows(weight), bias, {
    stride: window.stride,
    pad: window.padding,
    dilation: window.dilation,
    groups,
    outputPadding,
  });
  return likeRows(y, x);
}

/** Rows and columns that a transposed convolution without padding makes. */
export function transposedSize(size: Pair, kernel: Pair, stride: Pair, dilation: Pair): Pair {
  const along = (axis: 0 | 1): number =>
    (size[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
  return [along(0), along(1)];
}
