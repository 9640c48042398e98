// TensorFlow.js kernels and gradients (sources tfjs and tfjs-grad): elementwise functions, folds,
// products, norms.
import { reshape } from "../../../src/graph/apply.ts";
import { leakyRelu, relu, sigmoid, softplus, tanh } from "../../../src/graph/ops/activation.ts";
import { add, binary } from "../../../src/graph/ops/arithmetic.ts";
import { batchNorm } from "../../../src/graph/ops/norm.ts";
import { reduce } from "../../../src/graph/ops/reduce.ts";
import { unary } from "../../../src/graph/ops/unary.ts";
import type { Value } from "../../../src/graph/value.ts";
import type { BinaryKind } from "../../../src/kernels/binary.ts";
import type { Reduction } from "../../../src/kernels/reduce.ts";
import type { UnaryKind } from "../../../src/kernels/unary.ts";
import { InputError } from "../../../src/tensor/error.ts";
import { axisIn, flagOf, listOf, numberOf, withLast, wordOf } from "../attributes.ts";
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
  type Offer,
  type Offers,
  type Result,
} from "../offer.ts";
import type { VectorCase } from "../vectors.ts";
import type { Workbench } from "../workbench.ts";

function elementary(kind: UnaryKind): Offer {
  return offer([floats(), finite, knows()], (bench) => [unary(bench.input(0), kind)]);
}

function ofOne(names: readonly string[], f: (x: Value, given: VectorCase) => Value): Offer {
  return offer([floats(), finite, knows(...names)], (bench) => [f(bench.input(0), bench.given)]);
}

function ofTwo(kind: BinaryKind): Offer {
  return offer([floats(), finite, knows()], (bench) => [
    binary(bench.input(0), bench.input(1), kind),
  ]);
}

const ownGradient = clause(
  "not a test of customGradient, which defines another gradient",
  ({ id }) => !id.includes("customGradient"),
);

const forward = clause("no gradient", ({ gradients }) => gradients.length === 0);

function compared(kind: BinaryKind): Offer {
  return offer([comparison, finite, knows(), forward], (bench) => [
    binary(bench.input(0), bench.input(1), kind),
  ]);
}

/** A fold; max has its axes under another name than the rest. */
function folded(kind: Reduction, axisName: string): Offer {
  return offer([floats(), finite, knows(axisName, "keepDims"), ranked(0, 6)], (bench) => {
    const axes = listOf(bench.given, axisName);
    const keep = flagOf(bench.given, "keepDims", false);
    return [reduce(bench.input(0), kind, axes === null ? { keep } : { axes, keep })];
  });
}

/** min(max(x, 0), 6) with the gradient of TensorFlow: none at 0. */
function relu6(x: Value, bench: Workbench): Value {
  return binary(relu(x), bench.filled(x.shape, 6), "minimum");
}

/** The activations of fused kernels. */
export const FUSED_ACTIVATIONS = [
  "linear",
  "relu",
  "relu6",
  "elu",
  "leakyrelu",
  "prelu",
  "sigmoid",
] as const;

/** Applies the activation of a fused kernel; `slope` is what prelu needs. */
export function fusedActivation(y: Value, bench: Workbench, slope: Value | null): Value {
  const kind = wordOf(bench.given, "activation", "linear");
  switch (kind) {
    case "linear":
      return y;
    case "relu":
      return relu(y);
    case "relu6":
      return relu6(y, bench);
    case "elu":
      return compose.scaledElu(y, 1);
    case "leakyrelu":
      return leakyRelu(y, numberOf(bench.given, "leakyreluAlpha", 0.2));
    case "sigmoid":
      return sigmoid(y);
    case "prelu":
      return compose.prelu(y, slope!);
    default:
      throw new InputError(`${bench.given.file}: ${bench.given.id}: activation ${kind}`);
  }
}

const batchMatMul: Offer = offer(
  [floats(), finite, knows("transposeA", "transposeB"), ranked(2, 6), ranked(2, 6, 1)],
  (bench) => [
    compose.batchedProduct(bench.input(0), bench.input(1), {
      transposeA: flagOf(bench.given, "transposeA", false),
      transposeB: flagOf(bench.given, "transposeB", false),
    }),
  ],
);

const fusedMatMul: Offer = offer(
  [
    floats(),
    finite,
    knows("transposeA", "transposeB", "activation", "leakyreluAlpha"),
    attribute("activation", ...FUSED_ACTIVATIONS),
    ranked(2, 6),
    ranked(2, 6, 1),
  ],
  (bench) => {
    const bias = bench.optional("bias");
    const [a, b] = [bench.input("a"), bench.input("b")];
    const transposeB = flagOf(bench.given, "transposeB", false);
    const columns = b.shape.at(transposeB ? -2 : -1)!;
    const own = bias?.shape.join() === String(columns);
    const y = compose.batchedProduct(a, b, {
      transposeA: flagOf(bench.given, "transposeA", false),
      transposeB,
      bias: own ? bias : null,
    });
    const whole = bias === null || own ? y : add(y, bias);
    return [fusedActivation(whole, bench, bench.optional("preluActivationWeights"))];
  },
);

/** By the op if statistics are one number per channel and not differentiated, else composed. */
const fusedBatchNorm: Offer = offer([floats(), finite, knows("varianceEpsilon")], (bench) => {
  const { given } = bench;
  const x = bench.input("x");
  const [mean, variance] = [bench.input("mean"), bench.input("variance")];
  const [scale, offset] = [bench.optional("scale"), bench.optional("offset")];
  const epsilon = numberOf(given, "varianceEpsilon", 1e-3);
  const perChannel = [mean, variance, scale, offset].every(
    (value) => value === null || value.shape.length === 1,
  );
  const fixed = given.gradients.every(({ name }) => name !== "mean" && name !== "variance");
  if (!perChannel || !fixed) {
    return [compose.normalized(x, mean, variance, scale, offset, epsilon)];
  }
  const gamma = scale ?? bench.filled(mean.shape, 1);
  const beta = offset ?? bench.filled(mean.shape, 0);
  return [
    batchNorm(
      { x, gamma, beta, running_mean: mean, running_variance: variance },
      { training: false, epsilon, momentum: 0 },
    ),
  ];
});

function softmaxAlong(bench: Workbench, axis: number, f: (x: Value) => Value): Result[] {
  const rank = bench.given.inputs[0]!.shape.length;
  const axes = withLast(rank, axisIn(rank, axis));
  return [{ value: f(bench.input(0, axes)), axes }];
}

const sameCondition = clause(
  "a condition of the shape of the values",
  ({ inputs: [c, t] }) => c?.shape.join() === t?.shape.join(),
);
const byValues = clause("no gradient with respect to the condition", ({ gradients }) =>
  gradients.every(({ name }) => name !== "condition"),
);

/** Numbered arguments of a function call: the tensors are inputs in order, the rest settings. */
function argument({ record }: VectorCase, i: number): unknown {
  return Array.isArray(record["args"]) ? record["args"][i] : undefined;
}

const tensorsFirst = (count: number): ReturnType<typeof clause> =>
  clause(
    count === 1 ? "the first argument a tensor" : `the first ${count} arguments tensors`,
    (given) =>
      Array.from({ length: count }, (_, i) => argument(given, i)).every(
        (value) => typeof value === "object" && value !== null && "$t" in value,
      ),
  );

/** tf.logSumExp(x, axis, keepDims) and tf.moments(x, axis, keepDims).variance. */
function foldCall(
  f: (x: Value, options: { axes?: readonly number[]; keep: boolean }) => Value,
): Offer {
  return offer([floats(), finite, tensorsFirst(1), ranked(0, 6)], (bench) => {
    const axis = argument(bench.given, 1) ?? null;
    const keep = argument(bench.given, 2) === true;
    const axes = axis === null ? {} : { axes: [axis].flat() as number[] };
    return [f(bench.input(0), { ...axes, keep })];
  });
}

/** tfjs kernels without windows or data movement. */
export const tfjsOffers: Offers = {
  Abs: elementary("abs"),
  Neg: elementary("negate"),
  Sign: elementary("sign"),
  Square: offer([floats(), finite, knows(), ownGradient], (bench) => [
    unary(bench.input(0), "square"),
  ]),
  Sqrt: elementary("sqrt"),
  Rsqrt: elementary("reciprocal_sqrt"),
  Reciprocal: elementary("reciprocal"),
  Exp: elementary("exp"),
  Expm1: elementary("expm1"),
  Log: elementary("log"),
  Log1p: elementary("log1p"),
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
  Relu: ofOne([], relu),
  Relu6: offer([floats(), finite, knows()], (bench) => [relu6(bench.input(0), bench)]),
  LeakyRelu: ofOne(["alpha"], (x, given) => leakyRelu(x, numberOf(given, "alpha", 0.2))),
  Elu: ofOne([], (x) => compose.scaledElu(x, 1)),
  Selu: ofOne([], (x) => compose.selu(x)),
  Sigmoid: ofOne([], sigmoid),
  Softplus: ofOne([], softplus),
  Tanh: ofOne([], tanh),
  Prelu: offer([floats(), finite, knows()], (bench) => [
    compose.prelu(bench.input("x"), bench.input("alpha")),
  ]),
  ClipByValue: ofOne(["clipValueMin", "clipValueMax"], (x, given) =>
    compose.clip(
      x,
      numberOf(given, "clipValueMin", -Infinity),
      numberOf(given, "clipValueMax", Infinity),
    ),
  ),
  Add: ofTwo("add"),
  Sub: ofTwo("subtract"),
  Multiply: ofTwo("multiply"),
  RealDiv: ofTwo("divide"),
  Maximum: ofTwo("maximum"),
  Minimum: ofTwo("minimum"),
  Pow: ofTwo("power"),
  Mod: ofTwo("modulo"),
  Atan2: ofTwo("atan2"),
  SquaredDifference: ofTwo("squared_difference"),
  Equal: compared("equal"),
  NotEqual: compared("not_equal"),
  Greater: compared("greater"),
  GreaterEqual: compared("greater_equal"),
  Less: compared("less"),
  LessEqual: compared("less_equal"),
  Select: offer([condition, finite, knows(), sameCondition, byValues], (bench) => [
    compose.select(bench.input(0), bench.input(1), bench.input(2)),
  ]),
  AddN: offer([floats(), finite, knows()], (bench) => [
    compose.fold(
      bench.given.inputs.map((_, i) => bench.input(i)),
      "add",
    ),
  ]),
  Sum: folded("sum", "axis"),
  Mean: folded("mean", "axis"),
  Prod: folded("product", "axis"),
  Min: folded("min", "axis"),
  Max: folded("max", "reductionIndices"),
  BatchMatMul: batchMatMul,
  _FusedMatMul: fusedMatMul,
  FusedBatchNorm: fusedBatchNorm,
  Softmax: offer([floats(), finite, knows("dim"), ranked(1, 6)], (bench) =>
    softmaxAlong(bench, numberOf(bench.given, "dim", -1), compose.softmax),
  ),
  api_logSoftmax: offer([floats(), finite, tensorsFirst(1), ranked(1, 6)], (bench) => {
    const axis = argument(bench.given, 1);
    return softmaxAlong(bench, typeof axis === "number" ? axis : -1, compose.logSoftmax);
  }),
  api_logSigmoid: offer([floats(), finite, tensorsFirst(1)], (bench) => [
    compose.logSigmoid(bench.input(0)),
  ]),
  api_logSumExp: foldCall((x, options) => reduce(x, "log_sum_exp", options)),
  api_moments: foldCall((x, options) => {
    const kept = reduce(x, "mean", { ...options, keep: true });
    const variance = reduce(binary(x, kept, "squared_difference"), "mean", options);
    return reshape(variance, variance.shape);
  }),
};
