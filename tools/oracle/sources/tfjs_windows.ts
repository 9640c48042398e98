// TensorFlow.js kernels that move a window over an image, and resizing.
import { reshape } from "../../../src/graph/apply.ts";
import { add } from "../../../src/graph/ops/arithmetic.ts";
import { averagePool, maxPool } from "../../../src/graph/ops/pool.ts";
import { resizeBilinear, resizeNearest } from "../../../src/graph/ops/resize.ts";
import type { Value } from "../../../src/graph/value.ts";
import { axesOf, flagOf, listOf, perAxis, wordOf } from "../attributes.ts";
import {
  attribute,
  clause,
  finite,
  floats,
  knows,
  offer,
  ranked,
  type Offer,
  type Offers,
} from "../offer.ts";
import type { VectorCase } from "../vectors.ts";
import {
  axesBetween,
  convolution,
  samePadding,
  transposedConvolution,
  transposedSize,
  type Pair,
  type Sides,
  type Window,
} from "../windows.ts";
import type { Workbench } from "../workbench.ts";
import { FUSED_ACTIVATIONS, fusedActivation } from "./tfjs.ts";

function pair(given: VectorCase, name: string): Pair {
  const [h, w] = perAxis(given, name, 2, 1);
  return [h, w];
}

/** Axes of an image in the data format of the case, as NHWC. */
function imageAxes(given: VectorCase): readonly number[] {
  return axesBetween(wordOf(given, "dataFormat", "NHWC"), "NHWC");
}

const FORMAT = attribute("dataFormat", "NHWC", "NCHW");

/**
 * Stride, dilation and padding: "same", "valid", a number, or sides for each axis of the data
 * format.
 */
function windowOf(given: VectorCase, size: Pair, kernel: Pair): Window {
  const [stride, dilation] = [pair(given, "strides"), pair(given, "dilations")];
  const pad = given.attributes["pad"];
  let padding: Sides = [0, 0, 0, 0];
  if (pad === "same") padding = samePadding(size, kernel, stride, dilation, true);
  else if (typeof pad === "number") padding = [pad, pad, pad, pad];
  else if (Array.isArray(pad)) {
    const [, rows, columns] = imageAxes(given).map((axis) => (pad as Pair[])[axis]);
    padding = [...rows, ...columns];
  }
  return { stride, dilation, padding };
}

function sizeOf(x: Value): Pair {
  return [x.shape[1], x.shape[2]];
}

const CONVOLUTION = ["strides", "pad", "dataFormat", "dilations", "activation", "leakyreluAlpha"];

/** Adds the bias that a convolution did not take, and applies the activation of a fused kernel. */
function finished(y: Value, bench: Workbench, bias: Value | null): Value {
  const whole = bias === null ? y : add(y, bias);
  const slope = bench.given.inputs.find((tensor) => tensor?.name === "preluActivationWeights");
  if (slope === undefined || slope === null) return fusedActivation(whole, bench, null);
  // weights of three axes lie as the image does, without its batch
  const moved = wordOf(bench.given, "dataFormat", "NHWC") === "NCHW" && slope.shape.length === 3;
  const axes = moved ? [1, 2, 0] : axesOf(slope.shape.length);
  return fusedActivation(whole, bench, bench.input(slope.name, axes));
}

/** Conv2D and FusedConv2D. Filters are HWIO. */
const conv2d: Offer = offer(
  [
    floats(),
    finite,
    knows(...CONVOLUTION),
    FORMAT,
    attribute("activation", ...FUSED_ACTIVATIONS),
    ranked(4),
  ],
  (bench) => {
    const axes = imageAxes(bench.given);
    const [x, weight] = [bench.input("x", axes), bench.input("filter", [3, 0, 1, 2])];
    const window = windowOf(bench.given, sizeOf(x), sizeOf(weight));
    const bias = bench.optional("bias");
    const own = bias?.shape.join() === String(weight.shape[0]);
    const y = convolution(x, weight, own ? bias : null, window, 1);
    return [{ value: finished(y, bench, own ? null : bias), axes }];
  },
);

/** DepthwiseConv2dNative and its fused form. Filters are HWCM: M feature maps of each channel. */
const depthwise: Offer = offer(
  [
    floats(),
    finite,
    knows(...CONVOLUTION),
    attribute("dataFormat", "NHWC"),
    attribute("activation", ...FUSED_ACTIVATIONS),
    ranked(4),
  ],
  (bench) => {
    const [x, maps] = [bench.input("x"), bench.input("filter", [2, 3, 0, 1])];
    const [channels, each, h, w] = maps.shape as [number, number, number, number];
    const weight = reshape(maps, [channels * each, h, w, 1]);
    const window = windowOf(bench.given, sizeOf(x), [h, w]);
    const bias = bench.optional("bias");
    const own = bias?.shape.join() === String(weight.shape[0]);
    const y = convolution(x, weight, own ? bias : null, window, channels);
    return [finished(y, bench, own ? null : bias)];
  },
);

/** Window and output padding of a transposed convolution to `inputShape`. */
function transposed(given: VectorCase): { window: Window; more: Pair; fits: boolean } {
  const axes = imageAxes(given);
  const shape = axes.map((axis) => listOf(given, "inputShape")![axis]);
  const d_y = axes.map((axis) => given.inputs[0]!.shape[axis]);
  const [h, w] = given.inputs[1]!.shape;
  const kernel: Pair = [h, w];
  const window = windowOf(given, [shape[1], shape[2]], kernel);
  const [whole_h, whole_w] = transposedSize(
    [d_y[1], d_y[2]],
    kernel,
    window.stride,
    window.dilation,
  );
  const [top, bottom, left, right] = window.padding;
  const more: Pair = [shape[1] - whole_h + top + bottom, shape[2] - whole_w + left + right];
  const fits = more.every((n, axis) => n >= 0 && n < window.stride[axis]);
  return { window, more, fits };
}

const conv2dBackpropInput: Offer = offer(
  [
    floats(),
    finite,
    knows("strides", "pad", "dataFormat", "inputShape"),
    FORMAT,
    ranked(4),
    clause(
      "dy of the size that a convolution of inputShape makes",
      (given) => transposed(given).fits,
    ),
  ],
  (bench) => {
    const axes = imageAxes(bench.given);
    const [x, weight] = [bench.input(0, axes), bench.input(1, [3, 0, 1, 2])];
    const { window, more } = transposed(bench.given);
    return [{ value: transposedConvolution(x, weight, null, window, 1, more), axes }];
  },
);

/**
 * Where tfjs departs from its own definition: a window of one pixel with a stride and padding gives
 * the input as it is, and the gradient of a mean divides by the whole window where the mean divides
 * by its taps inside the image.
 */
const padsAsForward = clause(
  "no padding of one-pixel windows or in gradients of means",
  (given) => {
    const { pad } = given.attributes;
    const padded = pad !== 0 && pad !== "valid";
    const onePixel = pair(given, "filterSize").every((n) => n === 1);
    const meanGradient = given.operator === "AvgPool" && given.gradients.length > 0;
    return !padded || !(onePixel || meanGradient);
  },
);

/** Pooling; means are over the taps inside the image. */
function pool(f: (x: Value, options: Parameters<typeof maxPool>[1]) => Value): Offer {
  return offer(
    [floats(), finite, knows("filterSize", "strides", "pad"), ranked(4), padsAsForward],
    (bench) => {
      const x = bench.input(0);
      const size = pair(bench.given, "filterSize");
      const { stride, padding } = windowOf(bench.given, sizeOf(x), size);
      return [f(x, { window: size, stride, pad: padding })];
    },
  );
}

/** tf.pool(x, window, kind, pad, dilations, strides). */
const poolCall: Offer = offer(
  [
    floats(),
    finite,
    ranked(3, 4),
    clause("pad 0 or valid", ({ record }) => [0, "valid"].includes((record["args"] as never[])[3])),
  ],
  (bench) => {
    const args = bench.given.record["args"] as unknown[];
    const both = (value: unknown): Pair =>
      Array.isArray(value) ? (value as unknown as Pair) : [Number(value ?? 1), Number(value ?? 1)];
    const x = bench.input(0);
    const image = x.shape.length === 3 ? reshape(x, [1, ...x.shape]) : x;
    const options = { window: both(args[1]), dilation: both(args[4]), stride: both(args[5]) };
    const y = args[2] === "max" ? maxPool(image, options) : averagePool(image, options);
    return [x.shape.length === 3 ? reshape(y, y.shape.slice(1)) : y];
  },
);

function resize(linear: boolean): Offer {
  return offer(
    [floats(), finite, knows("alignCorners", "halfPixelCenters", "size"), ranked(4)],
    (bench) => {
      const { given } = bench;
      const x = bench.input(0);
      const to = pair(given, "size");
      const align = flagOf(given, "alignCorners", false);
      const half = flagOf(given, "halfPixelCenters", false);
      const corners = align ? "align" : half ? "half_pixel" : "asymmetric";
      if (linear) return [resizeBilinear(x, to, corners)];
      return [resizeNearest(x, to, corners, align || half ? "half_up" : "floor")];
    },
  );
}

/** tfjs kernels with windows. */
export const tfjsWindowOffers: Offers = {
  Conv2D: conv2d,
  FusedConv2D: conv2d,
  DepthwiseConv2dNative: depthwise,
  FusedDepthwiseConv2D: depthwise,
  Conv2DBackpropInput: conv2dBackpropInput,
  MaxPool: pool(maxPool),
  AvgPool: pool((x, options) => averagePool(x, options)),
  api_pool: poolCall,
  ResizeBilinear: resize(true),
  ResizeNearestNeighbor: resize(false),
};
