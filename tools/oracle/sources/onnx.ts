// ONNX operators (sources onnx and onnx-pytorch): elementwise functions, folds, products and norms.
// Windows and data movement are in onnx_windows.ts and onnx_movement.ts.
import { reshape } from "../../../src/graph/apply.ts";
import { leakyRelu, relu, sigmoid, softplus, tanh } from "../../../src/graph/ops/activation.ts";
import { binary, divide, multiply, scaleShift } from "../../../src/graph/ops/arithmetic.ts";
import { batchNorm, groupNorm, normOps } from "../../../src/graph/ops/norm.ts";
import { reduce } from "../../../src/graph/ops/reduce.ts";
import { unary } from "../../../src/graph/ops/unary.ts";
import { apply } from "../../../src/graph/apply.ts";
import type { Value } from "../../../src/graph/value.ts";
import type { BinaryKind } from "../../../src/kernels/binary.ts";
import type { Reduction } from "../../../src/kernels/reduce.ts";
import type { UnaryKind } from "../../../src/kernels/unary.ts";
import { size } from "../../../src/tensor/shape.ts";
import { axisIn, flagOf, has, listOf, numberOf, withLast, wordOf } from "../attributes.ts";
import * as compose from "../compose.ts";
import {
  attribute,
  clause,
  comparison,
  condition,
  finite,
  floats,
  knows,
  offer,
  ranked,
  squarable,
  type Offer,
  type Offers,
  type Result,
} from "../offer.ts";
import type { VectorCase } from "../vectors.ts";
import type { Workbench } from "../workbench.ts";

/** An elementary function of the engine. */
function elementary(kind: UnaryKind): Offer {
  return offer([floats(), finite, knows()], (bench) => [unary(bench.input(0), kind)]);
}

/** A function of the first input and of attributes. */
function ofOne(names: readonly string[], f: (x: Value, given: VectorCase) => Value): Offer {
  return offer([floats(), finite, knows(...names)], (bench) => [f(bench.input(0), bench.given)]);
}

// Before opset 7 an axis said how the second operand lies along the first; with equal ranks it says
// nothing.
const alignedByShape = clause(
  "broadcast as in opset 7: equal ranks where `axis` is given",
  (given) => {
    const [a, b] = given.inputs;
    return !has(given, "axis") || a?.shape.length === b?.shape.length;
  },
);

function ofTwo(kind: BinaryKind): Offer {
  return offer([floats(), finite, knows("broadcast", "axis"), alignedByShape], (bench) => [
    binary(bench.input(0), bench.input(1), kind),
  ]);
}

function compared(kind: BinaryKind): Offer {
  return offer([comparison, finite, knows()], (bench) => [
    binary(bench.input(0), bench.input(1), kind),
  ]);
}

function ofMany(finish: (values: readonly Value[]) => Value): Offer {
  return offer([floats(), finite, knows()], (bench) => [
    finish(bench.given.inputs.map((_, i) => bench.input(i))),
  ]);
}

const filled = clause("no empty axis", ({ inputs }) => size(inputs[0]?.shape ?? [0]) > 0);

const SQUARING: ReadonlySet<Reduction> = new Set(["l2", "sum_square"]);
// Opsets differ on whether these leave a tensor without axes to fold as it is.
const ALTERING: ReadonlySet<Reduction> = new Set([
  "l1",
  "l2",
  "sum_square",
  "log_sum",
  "log_sum_exp",
]);

function folded(kind: Reduction): Offer {
  return offer(
    [
      floats(1, "axes"),
      finite,
      filled,
      knows("axes", "keepdims", "noop_with_empty_axes"),
      ranked(0, 6),
      ...(SQUARING.has(kind) ? [squarable] : []),
      ...(ALTERING.has(kind) ? [attribute("noop_with_empty_axes", 0)] : []),
    ],
    (bench) => {
      const { given } = bench;
      const x = bench.input(0);
      const axes = listOf(given, "axes") ?? bench.numbers(1) ?? [];
      const keep = flagOf(given, "keepdims", true);
      const nothing = axes.length === 0 && flagOf(given, "noop_with_empty_axes", false);
      if (nothing) return [unary(x, "identity")];
      return [reduce(x, kind, axes.length === 0 ? { keep } : { axes, keep })];
    },
  );
}

/** Softmax and its logarithm: one axis since opset 13, all axes from `axis` on before. */
function softmax(f: (x: Value) => Value): Offer {
  const oneAxis = clause("opset 13, or the last axis", (given) => {
    const rank = given.inputs[0]?.shape.length ?? 0;
    const axis = axisIn(rank, numberOf(given, "axis", 1));
    return Number(given.record["opset"]) >= 13 || axis === rank - 1;
  });
  return offer([floats(), finite, knows("axis"), oneAxis], (bench): Result[] => {
    const rank = bench.given.inputs[0]!.shape.length;
    const opset = Number(bench.given.record["opset"]);
    const axis = axisIn(rank, numberOf(bench.given, "axis", opset >= 13 ? -1 : 1));
    const axes = withLast(rank, axis);
    return [{ value: f(bench.input(0, axes)), axes }];
  });
}

/** x with its channels (axis 1) last, and the order of axes that this is. */
function channelsLast(bench: Workbench): { x: Value; axes: readonly number[] } {
  const rank = bench.given.inputs[0]!.shape.length;
  const axes = withLast(rank, 1);
  return { x: bench.input(0, axes), axes };
}

/** [V, …, C] as [V, H, W, C]. */
function asImage(x: Value): Value {
  const inner = size(x.shape.slice(1, -1));
  return reshape(x, [x.shape[0], inner, 1, x.shape.at(-1)!]);
}

const batchNormalization: Offer = offer(
  [
    floats(),
    finite,
    knows("epsilon", "momentum", "training_mode", "is_test", "spatial", "consumed_inputs"),
    attribute("training_mode", 0),
    attribute("is_test", 1, true),
    attribute("spatial", 1),
    ranked(2, 6),
  ],
  (bench) => {
    const { x, axes } = channelsLast(bench);
    const [gamma, beta, running_mean, running_variance] = [1, 2, 3, 4].map((i) => bench.input(i));
    const value = batchNorm(
      { x, gamma, beta, running_mean, running_variance },
      {
        training: false,
        epsilon: numberOf(bench.given, "epsilon", 1e-5),
        momentum: 0,
      },
    );
    return [{ value, axes }];
  },
);

function groups(given: VectorCase, channels: number): number {
  return has(given, "num_groups") ? numberOf(given, "num_groups", 1) : channels;
}

/** InstanceNormalization (a group for each channel) and GroupNormalization. */
const groupNormalization: Offer = offer(
  [
    floats(),
    finite,
    knows("epsilon", "num_groups", "stash_type"),
    ranked(3, 6),
    clause(
      "scale and bias of one number a channel",
      ({ inputs: [x, scale] }) => size(scale?.shape ?? []) === x?.shape[1],
    ),
  ],
  (bench) => {
    const { x, axes } = channelsLast(bench);
    const value = groupNorm(asImage(x), bench.input(1), bench.input(2), {
      groups: groups(bench.given, x.shape.at(-1)!),
      epsilon: numberOf(bench.given, "epsilon", 1e-5),
    });
    return [{ value: reshape(value, x.shape), axes }];
  },
);

const overLast = clause("scale of the normalised shape", (given) => {
  const [x, scale] = given.inputs;
  const rank = x?.shape.length ?? 0;
  const tail = x?.shape.slice(axisIn(rank, numberOf(given, "axis", -1))) ?? [];
  return scale?.shape.join() === tail.join();
});

const layerNormalization: Offer = offer(
  [floats(), finite, knows("axis", "epsilon", "stash_type"), ranked(1, 6), overLast],
  (bench) => {
    const x = bench.input(0);
    const rank = x.shape.length;
    const axis = axisIn(rank, numberOf(bench.given, "axis", -1));
    const epsilon = numberOf(bench.given, "epsilon", 1e-5);
    const outer = x.shape.slice(0, axis);
    const n = size(x.shape.slice(axis));
    const attributes = { batches: size(outer), groups: 1, epsilon };
    const beta = bench.optional(2) ?? bench.filled([n], 0);
    const [y, mean, variance] = apply(
      normOps.norm,
      {
        x: reshape(x, [...outer, n]),
        gamma: reshape(bench.input(1), [n]),
        beta: reshape(beta, [n]),
      },
      attributes,
    );
    const kept = [...outer, ...x.shape.slice(axis).map(() => 1)];
    const inverse = unary(scaleShift(variance, 1, epsilon), "reciprocal_sqrt");
    return [reshape(y, x.shape), reshape(mean, kept), reshape(inverse, kept)];
  },
);

const rmsNormalization: Offer = offer(
  [floats(), finite, knows("axis", "epsilon", "stash_type"), ranked(1, 6), overLast],
  (bench) => {
    const x = bench.input(0);
    const rank = x.shape.length;
    const axes = rank - axisIn(rank, numberOf(bench.given, "axis", -1));
    const epsilon = numberOf(bench.given, "epsilon", 1e-5);
    return [compose.rmsNormOver(x, axes, bench.input(1), epsilon)];
  },
);

const lpNormalization: Offer = offer(
  [floats(), finite, knows("axis", "p"), attribute("p", 2, 1), squarable],
  (bench) => {
    const x = bench.input(0);
    const axes = [axisIn(x.shape.length, numberOf(bench.given, "axis", -1))];
    const kind = numberOf(bench.given, "p", 2) === 1 ? "l1" : "l2";
    // a vector of zeros stays one
    return [divide(x, compose.clip(reduce(x, kind, { axes, keep: true }), 1e-30, Infinity))];
  },
);

const clip: Offer = offer(
  [
    floats(1, 2),
    finite,
    knows("min", "max"),
    clause("bounds of one number", ({ inputs }) =>
      inputs.slice(1).every((bound) => bound === null || size(bound.shape) === 1),
    ),
  ],
  (bench) => {
    const low = bench.numbers(1)?.[0] ?? numberOf(bench.given, "min", -Infinity);
    const high = bench.numbers(2)?.[0] ?? numberOf(bench.given, "max", Infinity);
    return [compose.clip(bench.input(0), low, high)];
  },
);

const gemm: Offer = offer(
  [floats(), finite, knows("alpha", "beta", "transA", "transB", "broadcast"), ranked(2)],
  (bench) => {
    const { given } = bench;
    return [
      compose.generalProduct(bench.input(0), bench.input(1), bench.optional(2), {
        alpha: numberOf(given, "alpha", 1),
        beta: numberOf(given, "beta", 1),
        transposeA: flagOf(given, "transA", false),
        transposeB: flagOf(given, "transB", false),
      }),
    ];
  },
);

const slopeOfTail = clause(
  "slope of one number, or broadcast from the last axis since opset 7",
  (given) => {
    const [x, slope] = given.inputs;
    const shape = slope?.shape ?? [];
    if (size(shape) !== 1 && Number(given.record["opset"]) < 7) return false;
    const tail = x?.shape.slice(x.shape.length - shape.length) ?? [];
    return shape.every((length, axis) => length === 1 || length === tail[axis]);
  },
);

/** ONNX operators without windows or data movement. */
export const onnxOffers: Offers = {
  Abs: elementary("abs"),
  Neg: elementary("negate"),
  Sign: elementary("sign"),
  Sqrt: elementary("sqrt"),
  Reciprocal: elementary("reciprocal"),
  Exp: elementary("exp"),
  Log: elementary("log"),
  Sin: elementary("sin"),
  Cos: elementary("cos"),
  Tan: elementary("tan"),
  Sinh: elementary("sinh"),
  Cosh: elementary("cosh"),
  Atan: elementary("atan"),
  Erf: elementary("erf"),
  Floor: elementary("floor"),
  Ceil: elementary("ceil"),
  Round: elementary("round"),
  Identity: elementary("identity"),
  Relu: ofOne([], relu),
  LeakyRelu: ofOne(["alpha"], (x, given) => leakyRelu(x, numberOf(given, "alpha", 0.01))),
  Elu: ofOne(["alpha"], (x, given) => compose.scaledElu(x, numberOf(given, "alpha", 1))),
  Selu: ofOne(["alpha", "gamma"], (x, given) =>
    compose.selu(
      x,
      numberOf(given, "alpha", 1.6732631921768188),
      numberOf(given, "gamma", 1.0507009873554805),
    ),
  ),
  Gelu: offer(
    [floats(), finite, knows("approximate"), attribute("approximate", "none", "tanh")],
    (bench) => [compose.geluBy(bench.input(0), wordOf(bench.given, "approximate", "none"))],
  ),
  Sigmoid: ofOne([], sigmoid),
  Softplus: ofOne([], softplus),
  Softsign: ofOne([], compose.softsign),
  Tanh: ofOne([], tanh),
  Mish: ofOne([], compose.mish),
  Swish: ofOne(["alpha"], (x, given) => compose.swish(x, numberOf(given, "alpha", 1))),
  HardSigmoid: ofOne(["alpha", "beta"], (x, given) =>
    compose.hardSigmoid(x, numberOf(given, "alpha", 0.2), numberOf(given, "beta", 0.5)),
  ),
  HardSwish: ofOne([], compose.hardSwish),
  ThresholdedRelu: offer([floats(), finite, knows("alpha")], (bench) => {
    const x = bench.input(0);
    const bound = bench.filled([1], numberOf(bench.given, "alpha", 1));
    return [multiply(x, reshape(binary(x, bound, "greater"), x.shape))];
  }),
  PRelu: offer([floats(), finite, knows(), slopeOfTail], (bench) => [
    compose.prelu(bench.input(0), bench.input(1)),
  ]),
  Clip: clip,
  Add: ofTwo("add"),
  Sub: ofTwo("subtract"),
  Mul: ofTwo("multiply"),
  Div: ofTwo("divide"),
  Pow: ofTwo("power"),
  Greater: compared("greater"),
  GreaterOrEqual: compared("greater_equal"),
  Less: compared("less"),
  LessOrEqual: compared("less_equal"),
  Equal: compared("equal"),
  Where: offer([condition, finite, knows()], (bench) => [
    compose.select(bench.input(0), bench.input(1), bench.input(2)),
  ]),
  Max: ofMany((values) => compose.fold(values, "maximum")),
  Min: ofMany((values) => compose.fold(values, "minimum")),
  Sum: ofMany((values) => compose.fold(values, "add")),
  Mean: ofMany((values) => scaleShift(compose.fold(values, "add"), 1 / values.length, 0)),
  ReduceSum: folded("sum"),
  ReduceMean: folded("mean"),
  ReduceMax: folded("max"),
  ReduceMin: folded("min"),
  ReduceProd: folded("product"),
  ReduceL1: folded("l1"),
  ReduceL2: folded("l2"),
  ReduceSumSquare: folded("sum_square"),
  ReduceLogSum: folded("log_sum"),
  ReduceLogSumExp: folded("log_sum_exp"),
  MatMul: offer([floats(), finite, knows(), ranked(1, 6), ranked(1, 6, 1)], (bench) => [
    compose.product(bench.input(0), bench.input(1)),
  ]),
  Gemm: gemm,
  Softmax: softmax(compose.softmax),
  LogSoftmax: softmax(compose.logSoftmax),
  BatchNormalization: batchNormalization,
  InstanceNormalization: groupNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  LpNormalization: lpNormalization,
};
