// How each op of a student's prediction is written in ONNX. Tensors keep the engine's layout, channels
// last; operators that need channels first stand between two transposes, which runtimes merge.
import type { AttentionAttributes } from "../../kernels/attention/attention_problem.ts";
import type { ActivationAttributes } from "../../kernels/activation.ts";
import type { BinaryAttributes } from "../../kernels/binary.ts";
import type { ConcatAttributes } from "../../kernels/concat.ts";
import type { Conv2dAttributes } from "../../kernels/convolution/conv2d_geometry.ts";
import type { AttractorAttributes } from "../../kernels/depth_bins/attractor.ts";
import type { BinCentersAttributes } from "../../kernels/depth_bins/bin_centers.ts";
import type { LogBinomialHeadAttributes } from "../../kernels/depth_bins/log_binomial.ts";
import type { NormAttributes } from "../../kernels/norm_geometry.ts";
import type { PadAttributes } from "../../kernels/pad.ts";
import type { PoolAttributes } from "../../kernels/pool.ts";
import type { ReduceAttributes } from "../../kernels/reduce.ts";
import type { ResizeBilinearAttributes, ResizeNearestAttributes } from "../../kernels/resize.ts";
import { shaders } from "../../kernels/shaders.gen.ts";
import type { UnaryAttributes } from "../../kernels/unary.ts";
import type { SliceAttributes } from "../../graph/ops/slice.ts";
import { InputError } from "../../tensor/error.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import type { Name, OnnxBuilder } from "./builder.ts";

/** An input of an op. */
export interface OnnxInput {
  /** Its name in the engine. */
  readonly label: string;
  /** The tensor of the model; a constant becomes one when this is read. */
  readonly name: Name;
  readonly shape: Shape;
  /** Its numbers if they are constant: a parameter, a state or a constant of the graph. */
  readonly values: Float32Array | null;
}

/** One application of an op. */
export interface OnnxAt<A = unknown> {
  readonly to: OnnxBuilder;
  readonly inputs: readonly (OnnxInput | null)[];
  readonly outputs: readonly Shape[];
  readonly attributes: A;
}

/** Writes an op; returns the names of its outputs, of which those that only gradients use may lack. */
type Rule<A> = (at: OnnxAt<A>) => readonly Name[];

const CHANNELS_FIRST = [0, 3, 1, 2];
const CHANNELS_LAST = [0, 2, 3, 1];

const conv2d: Rule<Conv2dAttributes> = ({ to, inputs, attributes }) => {
  const [x, weight, bias] = [inputs[0]!, inputs[1]!, inputs[2] ?? null];
  const { stride, padding, dilation, groups } = attributes;
  const [top, bottom, left, right] = padding;
  const [outputs, height, width, channels] = weight.shape;
  const kernel = constantOf(weight);
  const isPointwise =
    height * width === 1 &&
    groups === 1 &&
    [...stride, 1 + top + bottom + left + right].every((n) => n === 1);
  if (isPointwise) {
    const matrix = new Float32Array(kernel.length);
    for (let o = 0; o < outputs; o++) {
      for (let c = 0; c < channels; c++) matrix[c * outputs + o] = kernel[o * channels + c];
    }
    const y = to.add("MatMul", [x.name, to.named(weight.label, [channels, outputs], matrix)]);
    return [
      bias === null ? y : to.add("Add", [y, to.named(bias.label, [outputs], constantOf(bias))]),
    ];
  }
  const pixels = height * width;
  const first = new Float32Array(kernel.length);
  for (let o = 0; o < outputs; o++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let c = 0; c < channels; c++) {
        first[(o * channels + c) * pixels + pixel] = kernel[(o * pixels + pixel) * channels + c];
      }
    }
  }
  const names = [
    to.transpose(x.name, CHANNELS_FIRST),
    to.named(weight.label, [outputs, channels, height, width], first),
  ];
  if (bias !== null) names.push(to.named(bias.label, [outputs], constantOf(bias)));
  const y = to.add("Conv", names, {
    kernel_shape: { ints: [height, width] },
    strides: { ints: stride },
    pads: { ints: [top, left, bottom, right] },
    dilations: { ints: dilation },
    group: { int: groups },
  });
  return [to.transpose(y, CHANNELS_LAST)];
};

/** (x - mean) / sqrt(variance + epsilon) gamma + beta with statistics of x per batch and group. */
const norm: Rule<NormAttributes> = ({ to, inputs, outputs, attributes }) => {
  const [x, gamma, beta] = [inputs[0]!, inputs[1]!, inputs[2]!];
  const { batches, groups, epsilon } = attributes;
  const channels = x.shape.at(-1)!;
  const rows = size(x.shape) / (batches * channels);
  const grouped = to.reshape(x.name, [batches, rows, groups, channels / groups]);
  const over = { axes: { ints: [1, 3] }, keepdims: { int: 1 } };
  const centred = to.add("Sub", [grouped, to.add("ReduceMean", [grouped], over)]);
  const variance = to.add("ReduceMean", [to.add("Mul", [centred, centred])], over);
  const deviation = to.add("Sqrt", [to.add("Add", [variance, to.numbers(epsilon)])]);
  const normed = to.reshape(to.add("Div", [centred, deviation]), outputs[0]);
  const scaled = to.add("Mul", [normed, to.named(gamma.label, [channels], constantOf(gamma))]);
  return [to.add("Add", [scaled, to.named(beta.label, [channels], constantOf(beta))])];
};

/** Batch norm with running statistics: one factor and one summand per channel. */
const normFixed: Rule<NormAttributes> = ({ to, inputs, attributes }) => {
  const x = inputs[0]!;
  const [mean, variance, gamma, beta] = inputs.slice(1).map((one) => constantOf(one!));
  const factor = gamma.map((value, c) => value / Math.sqrt(variance[c] + attributes.epsilon));
  const summand = beta.map((value, c) => value - mean[c] * factor[c]);
  const at = inputs[3]!.label;
  const scaled = to.add("Mul", [x.name, to.named(`${at}.factor`, [factor.length], factor)]);
  return [to.add("Add", [scaled, to.named(`${at}.summand`, [summand.length], summand)])];
};

const activation: Rule<ActivationAttributes> = ({ to, inputs, attributes: { kind, alpha } }) => {
  const x = inputs[0]!.name;
  switch (kind) {
    case "relu":
      return [to.add("Relu", [x])];
    case "leaky_relu":
      return [to.add("LeakyRelu", [x], { alpha: { float: alpha } })];
    case "elu":
      return [to.add("Elu", [x], { alpha: { float: alpha } })];
    case "gelu": {
      const erf = to.add("Erf", [to.add("Mul", [x, to.numbers(Math.SQRT1_2)])]);
      const half = to.add("Mul", [x, to.numbers(0.5)]);
      return [to.add("Mul", [half, to.add("Add", [erf, to.numbers(1)])])];
    }
    case "sigmoid":
      return [to.add("Sigmoid", [x])];
    case "softplus":
      return [softplus(to, x)];
    case "tanh":
      return [to.add("Tanh", [x])];
    default:
      return kind satisfies never;
  }
};

/**
 * max(x, 0) + ln(1 + u) with u = e^-|x|, the logarithm as 2 artanh(u / (2 + u)): the operator Softplus
 * loses the digits of small results, which are the widths of near bins.
 */
function softplus(to: OnnxBuilder, x: Name): Name {
  const u = to.add("Exp", [to.add("Neg", [to.add("Abs", [x])])]);
  const ratio = to.add("Div", [u, to.add("Add", [u, to.numbers(2)])]);
  const logarithm = to.add("Mul", [to.add("Atanh", [ratio]), to.numbers(2)]);
  return to.add("Add", [to.add("Relu", [x]), logarithm]);
}

const BINARY: Readonly<Record<string, string>> = {
  add: "Add",
  subtract: "Sub",
  multiply: "Mul",
  divide: "Div",
};

const binary: Rule<BinaryAttributes> = ({ to, inputs, attributes: { kind } }) => {
  const op = BINARY[kind] ?? refuse(`binary ${kind}`);
  return [to.add(op, [inputs[0]!.name, inputs[1]!.name])];
};

const unary: Rule<UnaryAttributes> = ({ to, inputs, attributes: { kind, alpha, beta } }) => {
  if (kind !== "affine") return refuse(`unary ${kind}`);
  const scaled = to.add("Mul", [inputs[0]!.name, to.numbers(alpha)]);
  return [beta === 0 ? scaled : to.add("Add", [scaled, to.numbers(beta)])];
};

const pad: Rule<PadAttributes> = ({ to, inputs, attributes: { padding, mode, value } }) => {
  if (mode === "symmetric" || mode === "wrap") return refuse(`padding by ${mode}`);
  const margins = to.whole([
    ...padding.map(([before]) => before),
    ...padding.map(([, after]) => after),
  ]);
  const names = [inputs[0]!.name, margins];
  if (mode === "constant") names.push(to.numbers(value));
  return [to.add("Pad", names, { mode: { text: mode } })];
};

/** Positions that both sizes share, by ONNX's names. */
const CORNERS = {
  half_pixel: "half_pixel",
  align: "align_corners",
  asymmetric: "asymmetric",
} as const;
const ROUNDINGS = {
  floor: "floor",
  ceil: "ceil",
  half_up: "round_prefer_ceil",
  half_down: "round_prefer_floor",
} as const;

const resizeNearest: Rule<ResizeNearestAttributes> = ({ to, inputs, outputs, attributes }) =>
  resize(to, inputs[0]!.name, outputs[0], {
    mode: { text: "nearest" },
    nearest_mode: { text: ROUNDINGS[attributes.rounding] },
    coordinate_transformation_mode: { text: CORNERS[attributes.corners] },
  });

const resizeBilinear: Rule<ResizeBilinearAttributes> = ({ to, inputs, outputs, attributes }) =>
  resize(to, inputs[0]!.name, outputs[0], {
    mode: { text: "linear" },
    coordinate_transformation_mode: { text: CORNERS[attributes.corners] },
  });

function resize(
  to: OnnxBuilder,
  x: Name,
  shape: Shape,
  attributes: Readonly<Record<string, { readonly text: string }>>,
): Name[] {
  const first = to.transpose(x, CHANNELS_FIRST);
  // Views and channels stay as they are, however many views there are.
  const kept = to.add("Shape", [first], { start: { int: 0 }, end: { int: 2 } });
  const sizes = to.add("Concat", [kept, to.whole([shape[1], shape[2]])], { axis: { int: 0 } });
  const y = to.add("Resize", [first, "", "", sizes], attributes);
  return [to.transpose(y, CHANNELS_LAST)];
}

const concat: Rule<ConcatAttributes> = ({ to, inputs, attributes: { axis } }) => {
  const names = inputs.flatMap((one) => (one === null ? [] : [one.name]));
  return [to.add("Concat", names, { axis: { int: axis } })];
};

const maxPool: Rule<PoolAttributes> = ({ to, inputs, attributes }) => {
  const { window, stride, dilation, padding } = attributes;
  const [top, bottom, left, right] = padding;
  const y = to.add("MaxPool", [to.transpose(inputs[0]!.name, CHANNELS_FIRST)], {
    kernel_shape: { ints: window },
    strides: { ints: stride },
    dilations: { ints: dilation },
    pads: { ints: [top, left, bottom, right] },
  });
  return [to.transpose(y, CHANNELS_LAST)];
};

const reduce: Rule<ReduceAttributes> = ({ to, inputs, outputs, attributes: { kind, axes } }) => {
  if (kind !== "mean") return refuse(`reduction ${kind}`);
  const over = { axes: { ints: axes }, keepdims: { int: 1 } };
  return [to.reshape(to.add("ReduceMean", [inputs[0]!.name], over), outputs[0])];
};

/**
 * The number of views is left open: a slice that begins at the last element, or ends at it or before it,
 * counts from the end of the axis, whose length need not be known then.
 */
const slice: Rule<SliceAttributes> = ({ to, inputs, attributes: { starts, sizes, steps } }) => {
  if (steps.some((step) => step < 1)) return refuse("a slice backwards");
  const { name, shape } = inputs[0]!;
  const begins = starts.map((start, axis) => (start > 0 && start === shape[axis] - 1 ? -1 : start));
  const ends = starts.map((start, axis) => {
    const end = start + (sizes[axis] - 1) * steps[axis] + 1;
    if (end === shape[axis]) return Number.MAX_SAFE_INTEGER;
    return end > 1 && end === shape[axis] - 1 ? -1 : end;
  });
  const axes = to.whole([...starts.keys()]);
  const names = [name, to.whole(begins), to.whole(ends), axes, to.whole(steps)];
  return [to.add("Slice", names)];
};

const attention: Rule<AttentionAttributes> = ({ to, inputs, outputs, attributes }) => {
  const { heads, kv_heads, scale, causal, softcap } = attributes;
  if (kv_heads !== heads || causal || softcap !== 0 || inputs[3] !== null) {
    return refuse("attention with a mask, a cap or shared heads");
  }
  const byHead = ({ name, shape: [batch, tokens, channels] }: OnnxInput, order: number[]): Name =>
    to.transpose(to.reshape(name, [batch, tokens, heads, channels / heads]), order);
  const q = byHead(inputs[0]!, [0, 2, 1, 3]);
  const k = byHead(inputs[1]!, [0, 2, 3, 1]);
  const v = byHead(inputs[2]!, [0, 2, 1, 3]);
  const scores = to.add("Mul", [to.add("MatMul", [q, k]), to.numbers(scale)]);
  const y = to.add("MatMul", [to.add("Softmax", [scores], { axis: { int: 3 } }), v]);
  return [to.reshape(to.transpose(y, [0, 2, 1, 3]), outputs[0])];
};

/** c_k = first_edge + sum of the widths before k + half of its own. */
const binCenters: Rule<BinCentersAttributes> = ({ to, inputs, attributes: { first_edge } }) => {
  const { name, shape } = inputs[0]!;
  const before = to.add("CumSum", [name, to.index(shape.length - 1)], { exclusive: { int: 1 } });
  const half = to.add("Mul", [name, to.numbers(0.5)]);
  const edges = to.add("Add", [before, to.numbers(first_edge)]);
  return [to.add("Add", [edges, half])];
};

/** c + mean or sum over attractors of d / (1 + alpha d^2), d = attractor - c. */
const attractor: Rule<AttractorAttributes> = ({ to, inputs, attributes }) => {
  const { alpha, kind, mean = true } = attributes;
  if (kind !== "inverse") return refuse(`attractors of kind ${kind}`);
  const [centers, attractors] = [inputs[0]!, inputs[1]!];
  const last = centers.shape.length - 1;
  const apart = to.add("Sub", [
    to.add("Unsqueeze", [attractors.name, to.whole([last + 1])]),
    to.add("Unsqueeze", [centers.name, to.whole([last])]),
  ]);
  const square = to.add("Mul", [to.add("Mul", [apart, apart]), to.numbers(alpha)]);
  const pull = to.add("Div", [apart, to.add("Add", [square, to.numbers(1)])]);
  const average = to.add("ReduceMean", [pull], { axes: { ints: [last] }, keepdims: { int: 0 } });
  const count = attractors.shape.at(-1)!;
  const moved = mean ? average : to.add("Mul", [average, to.numbers(count)]);
  return [to.add("Add", [centers.name, moved])];
};

/** pi = a1 / (a1 + a2), t = t_min + (t_max - t_min) b1 / (b1 + b2), a floor added to each number. */
const logBinomialHead: Rule<LogBinomialHeadAttributes> = ({ to, inputs, attributes }) => {
  const { t_min, t_max } = attributes;
  const { name } = inputs[0]!;
  const positive = to.add("Add", [name, to.numbers(shaders.log_binomial_head.constants.FLOOR)]);
  const at = (channel: number): Name =>
    to.add("Slice", [positive, to.whole([channel]), to.whole([channel + 1]), to.whole([3])]);
  const share = (first: number): Name =>
    to.add("Div", [at(first), to.add("Add", [at(first), at(first + 1)])]);
  const pi = share(0);
  const range = to.add("Mul", [share(2), to.numbers(t_max - t_min)]);
  return [pi, to.add("Add", [range, to.numbers(t_min)])];
};

/**
 * scale sum_k softmax(z)_k c_k with z_k = (L_k - L_peak + (k - peak) (ln p - ln q)) / t: relative to the
 * bin of the highest logit, so that large terms do not cancel at low temperatures.
 */
const binomialDecode: Rule<void> = ({ to, inputs }) => {
  const [pi, t, table, centers] = [inputs[0]!, inputs[1]!, inputs[2]!, inputs[3]!];
  const values = constantOf(table);
  const bins = table.shape[0];
  const column = (offset: number): Name =>
    to.numbers(
      Array.from({ length: bins }, (_, k) => values[2 * k + offset]),
      [bins],
    );
  const [high, low] = [column(0), column(1)];
  const index = to.numbers(Array.from({ length: bins }, (_, k) => k));
  const logarithm = (x: Name): Name => {
    const floor = to.numbers(shaders.binomial_pack.constants.FLOOR);
    return to.add("Log", [to.add("Clip", [x, floor, to.numbers(1)])]);
  };
  const rest = to.add("Sub", [to.numbers(1), pi.name]);
  const slope = to.add("Sub", [logarithm(pi.name), logarithm(rest)]);
  const rough = to.add("Add", [to.add("Mul", [index, slope]), high]);
  const peak = to.add("ArgMax", [rough], { axis: { int: 3 }, keepdims: { int: 1 } });
  const below = (from: Name): Name =>
    to.add("Sub", [from, to.add("Gather", [from, peak], { axis: { int: 0 } })]);
  const steps = to.add("Mul", [below(index), slope]);
  const apart = to.add("Add", [to.add("Add", [below(high), steps]), below(low)]);
  const logits = to.add("Div", [apart, t.name]);
  return [expectation(to, logits, centers.name, inputs[4] ?? null)];
};

const binDecode: Rule<void> = ({ to, inputs }) => [
  expectation(to, inputs[0]!.name, inputs[1]!.name, inputs[2] ?? null),
];

/** scale sum_k softmax(logits)_k c_k. logits [V,h,w,K] -> [V,h,w,1]. */
function expectation(to: OnnxBuilder, logits: Name, centers: Name, scale: OnnxInput | null): Name {
  const weighted = to.add("Mul", [to.add("Softmax", [logits], { axis: { int: 3 } }), centers]);
  const depth = to.add("ReduceSum", [weighted, to.whole([3])], { keepdims: { int: 1 } });
  if (scale === null) return depth;
  return to.add("Mul", [depth, to.reshape(scale.name, [size(scale.shape), 1, 1, 1])]);
}

function constantOf({ label, values }: OnnxInput): Float32Array {
  return values ?? refuse(`${label}, which is computed but must be constant`);
}

function refuse(what: string): never {
  throw new InputError(`export to ONNX does not know ${what}`);
}

const RULES: Readonly<Record<string, Rule<never>>> = {
  conv2d,
  norm,
  norm_fixed: normFixed,
  activation,
  binary,
  unary,
  pad,
  resize_nearest: resizeNearest,
  resize_bilinear: resizeBilinear,
  concat,
  max_pool: maxPool,
  reduce,
  slice,
  attention,
  bin_centers: binCenters,
  attractor,
  log_binomial_head: logBinomialHead,
  binomial_decode: binomialDecode,
  bin_decode: binDecode,
};

/** Writes one op of the graph and returns the names of its outputs. Throws InputError for an op without a form in ONNX. */
export function writeOp(op: string, at: OnnxAt): readonly Name[] {
  const rule = RULES[op] as Rule<unknown> | undefined;
  return rule === undefined ? refuse(`the op ${op}`) : rule(at);
}
