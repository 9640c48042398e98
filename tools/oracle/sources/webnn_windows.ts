// Operators of MLGraphBuilder that move a window over an image, and resampling.
import { reshape } from "../../../src/graph/apply.ts";
import { scaleShift } from "../../../src/graph/ops/arithmetic.ts";
import { averagePool, maxPool } from "../../../src/graph/ops/pool.ts";
import { resizeBilinear, resizeNearest } from "../../../src/graph/ops/resize.ts";
import { unary } from "../../../src/graph/ops/unary.ts";
import type { Value } from "../../../src/graph/value.ts";
import { axesOf, listOf, numberOf, perAxis, wordOf } from "../attributes.ts";
import {
  attribute,
  clause,
  finite,
  floats,
  knows,
  offer,
  ranked,
  squarable,
  type Clause,
  type Offer,
  type Offers,
} from "../offer.ts";
import type { VectorCase } from "../vectors.ts";
import {
  axesBetween,
  convolution,
  reachingOver,
  touchesImage,
  transposedConvolution,
  transposedSize,
  type Pair,
  type Sides,
  type Window,
} from "../windows.ts";

const IMAGE_LAYOUT = attribute("inputLayout", "nchw", "nhwc");

function pair(given: VectorCase, name: string, fallback: number): Pair {
  const [h, w] = perAxis(given, name, 2, fallback);
  return [h, w];
}

/** WebNN's sides are top, bottom, left and right, as the engine's. */
function windowOf(given: VectorCase): Window {
  const [top, bottom, left, right] = perAxis(given, "padding", 4, 0);
  const padding: Sides = [top, bottom, left, right];
  return { stride: pair(given, "strides", 1), dilation: pair(given, "dilations", 1), padding };
}

const noFusion = clause("no fused activation", ({ attributes }) => !("activation" in attributes));

const conv2d: Offer = offer(
  [
    floats(),
    finite,
    knows("padding", "strides", "dilations", "groups", "inputLayout", "filterLayout"),
    IMAGE_LAYOUT,
    attribute("filterLayout", "oihw", "hwio", "ohwi", "ihwo"),
    noFusion,
    ranked(4),
  ],
  (bench) => {
    const { given } = bench;
    const axes = axesBetween(wordOf(given, "inputLayout", "nchw"), "nhwc");
    const weightAxes = axesBetween(wordOf(given, "filterLayout", "oihw"), "ohwi");
    const [x, weight] = [bench.input(0, axes), bench.input(1, weightAxes)];
    const groups = numberOf(given, "groups", 1);
    return [{ value: convolution(x, weight, bench.optional(2), windowOf(given), groups), axes }];
  },
);

/** Output padding, from the option or from the size that is asked for. */
function outputPadding(given: VectorCase, weightAxes: readonly number[]): Pair {
  const sizes = listOf(given, "outputSizes");
  if (sizes === null) return pair(given, "outputPadding", 0);
  const axes = axesBetween(wordOf(given, "inputLayout", "nchw"), "nhwc");
  const [x, weight] = given.inputs;
  const image: Pair = [x!.shape[axes[1]], x!.shape[axes[2]]];
  const kernel: Pair = [weight!.shape[weightAxes[1]], weight!.shape[weightAxes[2]]];
  const { stride, dilation, padding } = windowOf(given);
  const [h, w] = transposedSize(image, kernel, stride, dilation);
  return [sizes[0] - h + padding[0] + padding[1], sizes[1] - w + padding[2] + padding[3]];
}

function transposedWeightAxes(given: VectorCase): readonly number[] {
  return axesBetween(wordOf(given, "filterLayout", "iohw"), "ihwo");
}

const convTranspose2d: Offer = offer(
  [
    floats(),
    finite,
    knows(
      "padding",
      "strides",
      "dilations",
      "outputPadding",
      "outputSizes",
      "groups",
      "inputLayout",
      "filterLayout",
    ),
    IMAGE_LAYOUT,
    attribute("filterLayout", "iohw", "hwoi", "ohwi", "oihw"),
    noFusion,
    ranked(4),
    clause("output padding less than the stride", (given) => {
      const { stride } = windowOf(given);
      const more = outputPadding(given, transposedWeightAxes(given));
      return more.every((n, axis) => n >= 0 && n < stride[axis]);
    }),
  ],
  (bench) => {
    const { given } = bench;
    const axes = axesBetween(wordOf(given, "inputLayout", "nchw"), "nhwc");
    const weightAxes = transposedWeightAxes(given);
    const [x, weight] = [bench.input(0, axes), bench.input(1, weightAxes)];
    const groups = numberOf(given, "groups", 1);
    const more = outputPadding(given, weightAxes);
    const value = transposedConvolution(
      x,
      weight,
      bench.optional(2),
      windowOf(given),
      groups,
      more,
    );
    return [{ value, axes }];
  },
);

interface WindowOptions {
  readonly window: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly pad: Sides;
  readonly ceil: boolean;
}

/**
 * Pooling; means are over the taps inside the image. Without window dimensions, one window over all
 * of it.
 */
function pool(f: (x: Value, options: WindowOptions) => Value, ...more: Clause[]): Offer {
  return offer(
    [
      ...more,
      floats(),
      finite,
      knows(
        "windowDimensions",
        "padding",
        "strides",
        "dilations",
        "layout",
        "roundingType",
        "outputSizes",
      ),
      attribute("layout", "nchw", "nhwc"),
      attribute("roundingType", "floor", "ceil"),
      ranked(4),
      clause("no window beyond the image", (given) => {
        const [, h, w] = axesBetween(wordOf(given, "layout", "nchw"), "nhwc").map(
          (axis) => given.inputs[0]!.shape[axis],
        );
        const [rows, columns] = listOf(given, "windowDimensions") ?? [h, w];
        return touchesImage([h, w], [rows, columns], windowOf(given), true);
      }),
    ],
    (bench) => {
      const { given } = bench;
      const axes = axesBetween(wordOf(given, "layout", "nchw"), "nhwc");
      const x = bench.input(0, axes);
      const whole = [x.shape[1], x.shape[2]];
      const [h, w] = listOf(given, "windowDimensions") ?? whole;
      const { stride, dilation, padding } = windowOf(given);
      const options = { window: [h, w] as const, stride, dilation, pad: padding };
      const ceil = wordOf(given, "roundingType", "floor") === "ceil";
      const y = f(x, { ...options, ceil });
      const sizes = listOf(given, "outputSizes");
      const asked = sizes === null || (y.shape[1] === sizes[0] && y.shape[2] === sizes[1]);
      return [{ value: asked ? y : f(x, { ...options, ceil: !ceil }), axes }];
    },
  );
}

/**
 * The root of the sum of squares of each window: the mean over image and padding, times the window.
 */
function l2Pool(x: Value, options: WindowOptions): Value {
  const [h, w] = options.window;
  const { ceil, ...floor } = options;
  const { stride, dilation, pad: padding } = options;
  const image: Pair = [x.shape[1], x.shape[2]];
  const over = ceil ? reachingOver(image, options.window, { stride, dilation, padding }) : null;
  const whole = over === null ? floor : { ...floor, pad: over.padding };
  const mean = averagePool(unary(x, "square"), whole, true);
  return unary(scaleShift(mean, h * w, 0), "sqrt");
}

/** Rows and columns to resample to, or null where scales do not give whole sizes. */
function resampledSize(given: VectorCase): Pair | null {
  const over = listOf(given, "axes") ?? [2, 3];
  const sizes = listOf(given, "sizes");
  const scales = perAxis(given, "scales", 2, 1);
  const to = over.map((axis, i) => sizes?.[i] ?? given.inputs[0]!.shape[axis] * scales[i]);
  return to.length === 2 && to.every(Number.isInteger) ? [to[0], to[1]] : null;
}

const resample2d: Offer = offer(
  [
    floats(),
    finite,
    knows("mode", "scales", "sizes", "axes"),
    attribute("mode", "nearest-neighbor", "linear"),
    ranked(4),
    clause("whole sizes, neighbouring axes", (given) => {
      const [first, second] = listOf(given, "axes") ?? [2, 3];
      return resampledSize(given) !== null && second === first + 1;
    }),
  ],
  (bench) => {
    const { given } = bench;
    const x = bench.input(0);
    const [first] = listOf(given, "axes") ?? [2, 3];
    const to = resampledSize(given)!;
    const outer = x.shape.slice(0, first).reduce((a, b) => a * b, 1);
    const inner = x.shape.slice(first + 2).reduce((a, b) => a * b, 1);
    const image = reshape(x, [outer, x.shape[first], x.shape[first + 1], inner]);
    const linear = wordOf(given, "mode", "nearest-neighbor") === "linear";
    const y = linear
      ? resizeBilinear(image, to, "half_pixel")
      : resizeNearest(image, to, "half_pixel", "half_down");
    const shape = axesOf(4).map((axis) => to[axis - first] ?? x.shape[axis]);
    return [reshape(y, shape)];
  },
);

/** WebNN operators with windows. */
export const webnnWindowOffers: Offers = {
  conv2d,
  convTranspose2d,
  resample2d,
  maxPool2d: pool(maxPool),
  averagePool2d: pool((x, options) => averagePool(x, options)),
  l2Pool2d: pool(l2Pool, squarable),
};
