// Operators of MLGraphBuilder (sources wpt-webnn and webnn-baseline) without windows; calls as
// webnn_call.ts hands them over.
import { reshape } from "../../../src/graph/apply.ts";
import {
  gelu,
  leakyRelu,
  relu,
  sigmoid,
  softplus,
  tanh,
} from "../../../src/graph/ops/activation.ts";
import { binary, scaleShift } from "../../../src/graph/ops/arithmetic.ts";
import { concat } from "../../../src/graph/ops/concat.ts";
import { batchNorm, groupNorm } from "../../../src/graph/ops/norm.ts";
import { pad } from "../../../src/graph/ops/pad.ts";
import { reduce } from "../../../src/graph/ops/reduce.ts";
import { slice, transpose } from "../../../src/graph/ops/slice.ts";
import { unary } from "../../../src/graph/ops/unary.ts";
import type { Value } from "../../../src/graph/value.ts";
import type { BinaryKind } from "../../../src/kernels/binary.ts";
import type { PadMode } from "../../../src/kernels/pad.ts";
import type { Reduction } from "../../../src/kernels/reduce.ts";
import type { UnaryKind } from "../../../src/kernels/unary.ts";
import {
  axesOf,
  axisIn,
  flagOf,
  listOf,
  numberOf,
  perAxis,
  withLast,
  wordOf,
} from "../attributes.ts";
import * as compose from "../compose.ts";
import * as movement from "../movement.ts";
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

function compared(kind: BinaryKind): Offer {
  return offer([comparison, finite, knows()], (bench) => [
    binary(bench.input(0), bench.input(1), kind),
  ]);
}

function folded(kind: Reduction): Offer {
  const squares = kind === "l2" || kind === "sum_square" ? [squarable] : [];
  const clauses = [floats(), finite, knows("axes", "keepDimensions"), ranked(0, 6), ...squares];
  return offer(clauses, (bench) => {
    const axes = listOf(bench.given, "axes");
    const keep = flagOf(bench.given, "keepDimensions", false);
    return [reduce(bench.input(0), kind, axes === null ? { keep } : { axes, keep })];
  });
}

const batchNormalization: Offer = offer(
  [floats(), finite, knows("axis", "epsilon"), ranked(1, 6)],
  (bench): Result[] => {
    const rank = bench.given.inputs[0]!.shape.length;
    const axes = withLast(rank, axisIn(rank, numberOf(bench.given, "axis", 1)));
    const x = bench.input(0, axes);
    const channels = [x.shape.at(-1)!];
    const gamma = bench.optional(3) ?? bench.filled(channels, 1);
    const beta = bench.optional(4) ?? bench.filled(channels, 0);
    const [running_mean, running_variance] = [bench.input(1), bench.input(2)];
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

const instanceNormalization: Offer = offer(
  [floats(), finite, knows("epsilon", "layout"), attribute("layout", "nchw", "nhwc"), ranked(4)],
  (bench): Result[] => {
    const axes = wordOf(bench.given, "layout", "nchw") === "nchw" ? [0, 2, 3, 1] : axesOf(4);
    const x = bench.input(0, axes);
    const groups = x.shape[3];
    const gamma = bench.optional(1) ?? bench.filled([groups], 1);
    const beta = bench.optional(2) ?? bench.filled([groups], 0);
    const epsilon = numberOf(bench.given, "epsilon", 1e-5);
    return [{ value: groupNorm(x, gamma, beta, { groups, epsilon }), axes }];
  },
);

const layerNormalization: Offer = offer(
  [floats(), finite, knows("axes", "epsilon"), ranked(0, 6)],
  (bench): Result[] => {
    const rank = bench.given.inputs[0]!.shape.length;
    const over = listOf(bench.given, "axes") ?? axesOf(rank).slice(1);
    const axes = withLast(rank, ...over);
    const x = bench.input(0, axes);
    const shape = over.map((axis) => bench.given.inputs[0]!.shape[axis]);
    const gamma = bench.optional(1) ?? bench.filled(shape, 1);
    const beta = bench.optional(2) ?? bench.filled(shape, 0);
    const epsilon = numberOf(bench.given, "epsilon", 1e-5);
    return [{ value: compose.layerNormOver(x, over.length, gamma, beta, epsilon), axes }];
  },
);

const PAD_MODES: Readonly<Record<string, PadMode>> = {
  constant: "constant",
  edge: "edge",
  reflection: "reflect",
  symmetric: "symmetric",
};

const split: Offer = offer([floats(), finite, knows("splits", "axis"), ranked(1, 6)], (bench) => {
  const x = bench.input(0);
  const axis = axisIn(x.shape.length, numberOf(bench.given, "axis", 0));
  const splits = bench.given.attributes["splits"];
  const sizes =
    typeof splits === "number"
      ? movement.evenSizes(x.shape[axis], splits)
      : listOf(bench.given, "splits")!;
  return movement.splitBy(x, sizes, axis);
});

/** WebNN operators without windows. */
export const webnnOffers: Offers = {
  abs: elementary("abs"),
  neg: elementary("negate"),
  sign: elementary("sign"),
  sqrt: elementary("sqrt"),
  reciprocal: elementary("reciprocal"),
  exp: elementary("exp"),
  log: elementary("log"),
  sin: elementary("sin"),
  cos: elementary("cos"),
  tan: elementary("tan"),
  erf: elementary("erf"),
  floor: elementary("floor"),
  ceil: elementary("ceil"),
  roundEven: elementary("round"),
  identity: elementary("identity"),
  relu: ofOne([], relu),
  leakyRelu: ofOne(["alpha"], (x, given) => leakyRelu(x, numberOf(given, "alpha", 0.01))),
  elu: ofOne(["alpha"], (x, given) => compose.scaledElu(x, numberOf(given, "alpha", 1))),
  gelu: ofOne([], gelu),
  sigmoid: ofOne([], sigmoid),
  softplus: ofOne([], softplus),
  softsign: ofOne([], compose.softsign),
  tanh: ofOne([], tanh),
  hardSigmoid: ofOne(["alpha", "beta"], (x, given) =>
    compose.hardSigmoid(x, numberOf(given, "alpha", 0.2), numberOf(given, "beta", 0.5)),
  ),
  hardSwish: ofOne([], compose.hardSwish),
  linear: ofOne(["alpha", "beta"], (x, given) =>
    scaleShift(x, numberOf(given, "alpha", 1), numberOf(given, "beta", 0)),
  ),
  clamp: ofOne(["minValue", "maxValue"], (x, given) =>
    compose.clip(x, numberOf(given, "minValue", -Infinity), numberOf(given, "maxValue", Infinity)),
  ),
  prelu: offer([floats(), finite, knows()], (bench) => [
    compose.prelu(bench.input(0), bench.input(1)),
  ]),
  add: ofTwo("add"),
  sub: ofTwo("subtract"),
  mul: ofTwo("multiply"),
  div: ofTwo("divide"),
  max: ofTwo("maximum"),
  min: ofTwo("minimum"),
  pow: ofTwo("power"),
  equal: compared("equal"),
  greater: compared("greater"),
  greaterOrEqual: compared("greater_equal"),
  lesser: compared("less"),
  lesserOrEqual: compared("less_equal"),
  where: offer([condition, finite, knows()], (bench) => [
    compose.select(bench.input(0), bench.input(1), bench.input(2)),
  ]),
  matmul: offer([floats(), finite, knows(), ranked(1, 6), ranked(1, 6, 1)], (bench) => {
    const y = compose.product(bench.input(0), bench.input(1));
    // the baseline leaves the row of a vector in
    const want = bench.given.outputs[0]!.shape;
    return [bench.given.source === "webnn-baseline" ? reshape(y, want) : y];
  }),
  gemm: offer(
    [floats(), finite, knows("alpha", "beta", "aTranspose", "bTranspose"), ranked(2)],
    (bench) => [
      compose.generalProduct(bench.input(0), bench.input(1), bench.optional(2), {
        alpha: numberOf(bench.given, "alpha", 1),
        beta: numberOf(bench.given, "beta", 1),
        transposeA: flagOf(bench.given, "aTranspose", false),
        transposeB: flagOf(bench.given, "bTranspose", false),
      }),
    ],
  ),
  reduceSum: folded("sum"),
  reduceMean: folded("mean"),
  reduceMax: folded("max"),
  reduceMin: folded("min"),
  reduceProduct: folded("product"),
  reduceL1: folded("l1"),
  reduceL2: folded("l2"),
  reduceSumSquare: folded("sum_square"),
  reduceLogSum: folded("log_sum"),
  reduceLogSumExp: folded("log_sum_exp"),
  softmax: offer([floats(), finite, knows("axis"), ranked(1, 6)], (bench): Result[] => {
    const rank = bench.given.inputs[0]!.shape.length;
    const axes = withLast(rank, axisIn(rank, numberOf(bench.given, "axis", rank - 1)));
    return [{ value: compose.softmax(bench.input(0, axes)), axes }];
  }),
  batchNormalization,
  instanceNormalization,
  layerNormalization,
  concat: offer([floats(), finite, knows("axis"), ranked(1, 6)], (bench) => [
    concat(
      bench.given.inputs.map((_, i) => bench.input(i)),
      numberOf(bench.given, "axis", 0),
    ),
  ]),
  expand: offer([floats(), finite, knows("newShape"), ranked(0, 6)], (bench) => [
    movement.broadcastWith(bench.input(0), listOf(bench.given, "newShape") ?? []),
  ]),
  reshape: offer([floats(), finite, knows("newShape"), ranked(0, 6)], (bench) => {
    const shape = bench.given.attributes["newShape"] as (number | null)[];
    return [
      movement.reshapeTo(
        bench.input(0),
        shape.map((length) => length ?? -1),
      ),
    ];
  }),
  slice: offer([floats(), finite, knows("starts", "sizes", "strides"), ranked(0, 6)], (bench) => {
    const x = bench.input(0);
    const steps = perAxis(bench.given, "strides", x.shape.length, 1);
    const sizes = listOf(bench.given, "sizes")!.map((length, axis) =>
      Math.ceil(length / steps[axis]),
    );
    return [slice(x, listOf(bench.given, "starts")!, sizes, steps)];
  }),
  split,
  tile: offer([floats(), finite, knows("repetitions"), ranked(1, 6)], (bench) => [
    movement.tile(bench.input(0), listOf(bench.given, "repetitions")!),
  ]),
  transpose: offer([floats(), finite, knows("permutation"), ranked(0, 6)], (bench) => {
    const x = bench.input(0);
    return [transpose(x, listOf(bench.given, "permutation") ?? axesOf(x.shape.length).reverse())];
  }),
  pad: offer(
    [
      floats(),
      finite,
      knows("beginningPadding", "endingPadding", "mode", "value"),
      clause(
        "mode constant, edge, reflection or symmetric",
        (given) => wordOf(given, "mode", "constant") in PAD_MODES,
      ),
      ranked(1, 6),
    ],
    (bench) => {
      const { given } = bench;
      const ends = listOf(given, "endingPadding")!;
      const margins = listOf(given, "beginningPadding")!.map((n, axis) => [n, ends[axis]] as const);
      const mode = PAD_MODES[wordOf(given, "mode", "constant")];
      return [pad(bench.input(0), margins, mode, numberOf(given, "value", 0))];
    },
  ),
};
