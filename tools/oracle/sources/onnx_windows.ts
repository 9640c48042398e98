// ONNX operators that move a window over an image, and resizing.
import { scaleShift } from "../../../src/graph/ops/arithmetic.ts";
import { averagePool, maxPool } from "../../../src/graph/ops/pool.ts";
import { reduce } from "../../../src/graph/ops/reduce.ts";
import type { Value } from "../../../src/graph/value.ts";
import { resizeBilinear, resizeNearest } from "../../../src/graph/ops/resize.ts";
import type { Corners, Rounding } from "../../../src/kernels/resize.ts";
import { flagOf, listOf, numberOf, perAxis, wordOf } from "../attributes.ts";
import {
  attribute,
  clause,
  finite,
  floats,
  knows,
  offer,
  ranked,
  squarable,
  type Offer,
  type Offers,
} from "../offer.ts";
import type { VectorCase } from "../vectors.ts";
import * as compose from "../compose.ts";
import {
  asRows,
  CHANNELS_LAST,
  convolution,
  likeRows,
  pairOf,
  samePadding,
  sidesOf,
  touchesImage,
  transposedConvolution,
  transposedSize,
  type Pair,
  type Sides,
  type Window,
} from "../windows.ts";

const AUTO_PAD = attribute("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER");

/** Sizes of the axes after batch and channel, as a pair. */
function spatial({ inputs }: VectorCase, i: number): Pair {
  return pairOf(inputs[i]!.shape.slice(2), 1);
}

/** Stride, dilation and padding, worked out where `auto_pad` asks for it. */
function windowOf(given: VectorCase, kernel: Pair): Window {
  const axes = given.inputs[0]!.shape.length - 2;
  const stride = pairOf(perAxis(given, "strides", axes, 1), 1);
  const dilation = pairOf(perAxis(given, "dilations", axes, 1), 1);
  const auto = wordOf(given, "auto_pad", "NOTSET");
  let padding = sidesOf(listOf(given, "pads") ?? Array.from<number>({ length: 2 * axes }).fill(0));
  if (auto === "VALID") padding = [0, 0, 0, 0];
  else if (auto !== "NOTSET") {
    padding = samePadding(spatial(given, 0), kernel, stride, dilation, auto === "SAME_UPPER");
  }
  return { stride, dilation, padding };
}

const channelsLast = ({ inputs }: VectorCase): readonly number[] =>
  CHANNELS_LAST[inputs[0]!.shape.length];

const conv: Offer = offer(
  [
    floats(),
    finite,
    knows("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"),
    AUTO_PAD,
    ranked(3, 4),
  ],
  (bench) => {
    const axes = channelsLast(bench.given);
    const window = windowOf(bench.given, spatial(bench.given, 1));
    const [x, weight] = [bench.input(0, axes), bench.input(1, axes)];
    const groups = numberOf(bench.given, "group", 1);
    return [{ value: convolution(x, weight, bench.optional(2), window, groups), axes }];
  },
);

/** Padding and output padding of a transposed convolution, from whichever attributes say it. */
function transposedPadding(given: VectorCase): { window: Window; more: Pair } {
  const axes = given.inputs[0]!.shape.length - 2;
  const kernel = spatial(given, 1);
  const window = windowOf(
    { ...given, attributes: { ...given.attributes, auto_pad: "NOTSET" } },
    kernel,
  );
  const auto = wordOf(given, "auto_pad", "NOTSET");
  const more = pairOf(perAxis(given, "output_padding", axes, 0), 0);
  const whole = transposedSize(spatial(given, 0), kernel, window.stride, window.dilation);
  const asked = listOf(given, "output_shape")?.slice(-axes);
  let size: Pair;
  if (asked !== undefined) size = pairOf(asked, 1);
  else if (auto.startsWith("SAME")) {
    const [h, w] = spatial(given, 0);
    size = [h * window.stride[0], w * window.stride[1]];
  } else return { window, more };
  const along = (axis: 0 | 1): { sides: Pair; more: number } => {
    const total = whole[axis] + more[axis] - size[axis];
    // what is asked for beyond the last stride is output padding
    if (total < 0) return { sides: [0, 0], more: more[axis] - total };
    const half = Math.floor(total / 2);
    const sides: Pair = auto === "SAME_UPPER" ? [half, total - half] : [total - half, half];
    return { sides, more: more[axis] };
  };
  const [rows, columns] = [along(0), along(1)];
  const padding: Sides = [...rows.sides, ...columns.sides];
  return { window: { ...window, padding }, more: [rows.more, columns.more] };
}

const convTranspose: Offer = offer(
  [
    floats(),
    finite,
    knows(
      "auto_pad",
      "dilations",
      "group",
      "kernel_shape",
      "output_padding",
      "output_shape",
      "pads",
      "strides",
    ),
    AUTO_PAD,
    ranked(3, 4),
    clause("output padding less than the stride", (given) => {
      const { window, more } = transposedPadding(given);
      return more.every((n, axis) => n < window.stride[axis]);
    }),
  ],
  (bench) => {
    const axes = channelsLast(bench.given);
    const { window, more } = transposedPadding(bench.given);
    const [x, weight] = [bench.input(0, axes), bench.input(1, axes)];
    const groups = numberOf(bench.given, "group", 1);
    return [
      { value: transposedConvolution(x, weight, bench.optional(2), window, groups, more), axes },
    ];
  },
);

type PoolOptions = Parameters<typeof maxPool>[1];

function pool(
  f: (x: Value, options: PoolOptions, given: VectorCase) => Value,
  ...more: string[]
): Offer {
  const names = ["auto_pad", "kernel_shape", "pads", "strides", "dilations", "ceil_mode"];
  // automatic padding settles the number of windows
  const ceilOf = (given: VectorCase): boolean =>
    wordOf(given, "auto_pad", "NOTSET") === "NOTSET" && flagOf(given, "ceil_mode", false);
  const kernelOf = (given: VectorCase): Pair => pairOf(listOf(given, "kernel_shape")!, 1);
  const inside = clause("no window beyond the image", (given) => {
    const kernel = kernelOf(given);
    return touchesImage(spatial(given, 0), kernel, windowOf(given, kernel), ceilOf(given));
  });
  const clauses = [floats(), finite, knows(...names, ...more), AUTO_PAD, ranked(3, 4), inside];
  return offer(clauses, (bench) => {
    const { given } = bench;
    const axes = channelsLast(given);
    const x = bench.input(0, axes);
    const size = kernelOf(given);
    const { stride, dilation, padding } = windowOf(given, size);
    const ceil = ceilOf(given);
    const options = { window: size, stride, dilation, pad: padding, ceil };
    return [{ value: likeRows(f(asRows(x), options, given), x), axes }];
  });
}

/**
 * The p-norm of each window: the mean of |x|^p over image and padding, times the window, to 1 / p.
 */
const lpPool: Offer = (() => {
  const mean = pool((x, options, given) => {
    const p = numberOf(given, "p", 2);
    const [h, w] = options.window as Pair;
    const powers = averagePool(compose.powerOfMagnitude(x, p), { ...options, ceil: false }, true);
    return compose.powerOfMagnitude(scaleShift(powers, h * w, 0), 1 / p);
  }, "p");
  const positive = clause("p above 0", (given) => numberOf(given, "p", 2) > 0);
  const clauses = [...mean.clauses, attribute("ceil_mode", 0), positive, squarable];
  return { ...mean, clauses };
})();

function globalPool(kind: "mean" | "max"): Offer {
  return offer([floats(), finite, knows(), ranked(3, 6)], (bench) => {
    const x = bench.input(0);
    return [reduce(x, kind, { axes: x.shape.slice(2).map((_, i) => i + 2), keep: true })];
  });
}

const CORNERS: Readonly<Record<string, Corners>> = {
  half_pixel: "half_pixel",
  pytorch_half_pixel: "half_pixel",
  asymmetric: "asymmetric",
  align_corners: "align",
};
const ROUNDINGS: Readonly<Record<string, Rounding>> = {
  floor: "floor",
  ceil: "ceil",
  round_prefer_floor: "half_down",
  round_prefer_ceil: "half_up",
};

/**
 * Height and width after resizing, or null where it touches other axes or scales do not give whole
 * sizes.
 */
function resizedSize(given: VectorCase): Pair | null {
  const [x] = given.inputs;
  const named = (name: string): readonly number[] | null => {
    const tensor = given.inputs.find((input) => input?.name === name);
    return tensor === undefined || tensor === null || tensor.values.length === 0
      ? null
      : [...tensor.values];
  };
  const [sizes, scales] = [named("sizes"), named("scales") ?? listOf(given, "scales")];
  const over = listOf(given, "axes") ?? [0, 1, 2, 3];
  const result = [...x!.shape];
  over.forEach((axis, i) => {
    const length = x!.shape.at(axis)!;
    const scaled = sizes === null ? length * (scales?.[i] ?? 0) : sizes[i];
    result[axis < 0 ? axis + 4 : axis] = scaled;
  });
  const [n, c, h, w] = result;
  const whole = Number.isInteger(h) && Number.isInteger(w);
  return n === x!.shape[0] && c === x!.shape[1] && whole ? [h, w] : null;
}

function isOnePixel(given: VectorCase): boolean {
  return resizedSize(given)?.includes(1) ?? false;
}

function resized(x: Value, given: VectorCase): Value {
  const to = resizedSize(given)!;
  // before opset 11 nothing could be said, and positions were those of Upsample
  const early = given.operator === "Upsample" || Number(given.record["opset"]) === 10;
  const fallback = early ? "asymmetric" : "half_pixel";
  const corners = CORNERS[wordOf(given, "coordinate_transformation_mode", fallback)];
  if (wordOf(given, "mode", "nearest") === "linear") return resizeBilinear(x, to, corners);
  const rounding = early ? "floor" : "round_prefer_floor";
  return resizeNearest(x, to, corners, ROUNDINGS[wordOf(given, "nearest_mode", rounding)]);
}

const resize: Offer = offer(
  [
    floats("roi", "scales", "sizes"),
    knows(
      "antialias",
      "axes",
      "coordinate_transformation_mode",
      "cubic_coeff_a",
      "mode",
      "nearest_mode",
      "scales",
    ),
    attribute("mode", "nearest", "linear"),
    attribute("antialias", 0),
    attribute(
      "coordinate_transformation_mode",
      "half_pixel",
      "pytorch_half_pixel",
      "asymmetric",
      "align_corners",
    ),
    ranked(4),
    clause("whole sizes, of height and width only", (given) => resizedSize(given) !== null),
    clause(
      "more than one pixel where corners are pytorch_half_pixel or align_corners",
      (given) =>
        !["pytorch_half_pixel", "align_corners"].includes(
          wordOf(given, "coordinate_transformation_mode", "half_pixel"),
        ) || !isOnePixel(given),
    ),
  ],
  (bench) => [{ value: resized(bench.input(0, [0, 2, 3, 1]), bench.given), axes: [0, 2, 3, 1] }],
);

/** ONNX operators with windows. */
export const onnxWindowOffers: Offers = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Resize: resize,
  Upsample: resize,
  MaxPool: pool((x, options) => maxPool(x, options), "storage_order"),
  AveragePool: pool(
    (x, options, given) => averagePool(x, options, flagOf(given, "count_include_pad", false)),
    "count_include_pad",
  ),
  LpPool: lpPool,
  GlobalAveragePool: globalPool("mean"),
  GlobalMaxPool: globalPool("max"),
};
