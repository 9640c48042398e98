// Ops of the source `own` that work element by element, fold, multiply matrices or move data.
import type { activationOps } from "../../../src/graph/ops/activation.ts";
import type { argmaxOps } from "../../../src/graph/ops/argmax.ts";
import type { arithmeticOps } from "../../../src/graph/ops/arithmetic.ts";
import type { concatOps } from "../../../src/graph/ops/concat.ts";
import type { dropoutOps } from "../../../src/graph/ops/dropout.ts";
import type { gatherOps } from "../../../src/graph/ops/gather.ts";
import type { gemmOps } from "../../../src/graph/ops/gemm.ts";
import type { padOps } from "../../../src/graph/ops/pad.ts";
import type { reduceOps } from "../../../src/graph/ops/reduce.ts";
import type { sliceOps } from "../../../src/graph/ops/slice.ts";
import type { unaryOps } from "../../../src/graph/ops/unary.ts";
import { ACTIVATIONS } from "../../../src/kernels/activation.ts";
import { BINARY_KINDS } from "../../../src/kernels/binary.ts";
import { PAD_MODES } from "../../../src/kernels/pad.ts";
import { UNARY_KINDS } from "../../../src/kernels/unary.ts";
import { UNBOUNDED } from "../compose.ts";
import {
  flag,
  list,
  margins,
  number,
  pair,
  REQUIRED,
  whole,
  word,
  type At,
  type Attributes,
} from "./attributes.ts";
import { NONE, shapeOf, type OwnOp } from "./own_op.ts";

const REDUCTIONS = [
  "sum",
  "mean",
  "max",
  "min",
  "product",
  "l1",
  "l2",
  "sum_square",
  "log_sum",
  "log_sum_exp",
] as const;
const AXES = list(
  { says: "all", of: (at) => shapeOf(at, "x").map((_, axis) => axis) },
  "axes that are folded; negative ones count from the end",
);

/** Axes from 0 on, ascending. */
function ascending(at: At): Readonly<Record<string, unknown>> {
  const rank = shapeOf(at, "x").length;
  const axes = (at.attributes["axes"] as number[]).map((axis) => (axis < 0 ? axis + rank : axis));
  return { ...at.attributes, axes: axes.toSorted((a, b) => a - b) };
}

const ACTIVATION: Attributes = {
  kind: word(ACTIVATIONS, REQUIRED, "gelu is the exact one, x Phi(x)"),
  alpha: number(
    {
      says: "0.01 for leaky_relu, 1 for elu",
      of: ({ attributes }) => (attributes["kind"] === "leaky_relu" ? 0.01 : 1),
    },
    "slope below zero (leaky_relu) or scale below zero (elu: alpha (e^x - 1))",
  ),
};
const UNARY: Attributes = {
  kind: word(UNARY_KINDS, REQUIRED, "round goes to the even neighbour from halfway"),
  alpha: number(
    {
      says: "1 for affine, no bound for clamp",
      of: ({ attributes }) => (attributes["kind"] === "clamp" ? -UNBOUNDED : 1),
    },
    "affine: alpha x + beta; clamp: the lower bound",
  ),
  beta: number(
    {
      says: "0 for affine, no bound for clamp",
      of: ({ attributes }) => (attributes["kind"] === "clamp" ? UNBOUNDED : 0),
    },
    "affine: the summand; clamp: the upper bound",
  ),
};
const BINARY = word(
  BINARY_KINDS,
  REQUIRED,
  "power is a^b; modulo has the sign of b; comparisons give 1 or 0",
);
const MATMUL: Attributes = {
  transpose_a: flag(false, "a is stored [.., K, M]"),
  transpose_b: flag(false, "b is stored [.., N, K]"),
};
const GATHER: Attributes = {
  axis: whole(0, "from 0"),
  along: flag(false, "the indices have the other axes of x"),
};
/** Names of these ops. */
type Name =
  | keyof typeof activationOps
  | keyof typeof argmaxOps
  | keyof typeof arithmeticOps
  | keyof typeof concatOps
  | keyof typeof dropoutOps
  | keyof typeof gatherOps
  | keyof typeof gemmOps
  | keyof typeof padOps
  | keyof typeof reduceOps
  | keyof typeof sliceOps
  | keyof typeof unaryOps;

/** These ops by name. */
export const ELEMENTWISE_OPS: Readonly<Record<Name, OwnOp>> = {
  activation: {
    says: "y = f(x), a non-linearity",
    shapes: "x [any] -> y [as x]",
    attributes: ACTIVATION,
  },
  activation_grad: {
    says: "d_x = d_y f'(x)",
    shapes: "x, d_y [any] -> d_x [as x]",
    attributes: ACTIVATION,
  },
  unary: {
    says: "y = f(x), an elementary function",
    shapes: "x [any] -> y [as x]",
    attributes: UNARY,
  },
  unary_grad: {
    says: "d_x = d_y f'(x), 0 where f jumps",
    shapes: "x, d_y [any] -> d_x [as x]",
    attributes: UNARY,
  },
  binary: {
    says: "y = f(a, b)",
    shapes: "a, b [broadcast together as in NumPy] -> y [broadcast shape]",
    attributes: { kind: BINARY },
  },
  binary_grad: {
    says: "d_operand = d_y df/da or d_y df/db, not summed over broadcast axes",
    shapes: "a, b [broadcast together], d_y [broadcast shape] -> d_operand [broadcast shape]",
    attributes: { kind: BINARY, side: word(["a", "b"], REQUIRED, "by which operand") },
  },
  scale_by: {
    says: "y = scalars[slot] x",
    shapes: "x [any], scalars [up to 64] -> y [as x]",
    attributes: { slot: whole(0, "which of the scalars") },
  },
  gather: {
    says:
      "y = x at whole numbers from 0 along an axis, NaN where an index names no place; along: " +
      "numpy.take_along_axis, otherwise numpy.take",
    shapes: "x [O, N, I], indices [M], or [O, M, I] if along -> y [O, M, I]",
    attributes: GATHER,
  },
  gather_grad: {
    says: "d_x = sums of d_y over the indices that name an element of x",
    shapes: "indices, d_y as of gather -> d_x [shape]",
    attributes: { ...GATHER, shape: list(REQUIRED, "the shape of x") },
  },
  argmax: {
    says: "y = first place of the largest element along an axis; NaN counts as the largest",
    shapes: "x [O, N, I] -> y [O, I]",
    attributes: { axis: whole(0, "from 0") },
  },
  dropout: {
    says:
      "y = x / (1 - share) where a hash of seed, step and place is at least share 2^32, else 0; " +
      "y = x where the step, scalars[slot], is negative",
    shapes: "x [any], scalars [up to 64] -> y [as x]",
    attributes: {
      share: number(0.5, "of the elements that become 0"),
      seed: whole(0, "of the mask"),
      slot: whole(0, "which of the scalars is the step"),
    },
  },
  reduce: {
    says:
      "y = fold of x along axes; l1 = sum |x|, l2 = sqrt(sum x^2), log_sum = ln sum x, " +
      "log_sum_exp = ln sum e^x; equal extrema each take the whole gradient",
    shapes: "x [any] -> y [axes that are left]",
    attributes: {
      kind: word(REDUCTIONS, REQUIRED, "the fold"),
      axes: AXES,
      keep: flag(false, "leave folded axes in with length 1"),
    },
    finish: ascending,
  },
  reduce_grad: {
    says: "d_x = d_y dy/dx of a fold that needs its input (not sum, mean, product)",
    shapes: "x [any], y, d_y [outputs of the fold] -> d_x [as x]",
    attributes: {
      kind: word(
        REDUCTIONS.filter((kind) => !["sum", "mean", "product"].includes(kind)),
        REQUIRED,
        "the fold",
      ),
      axes: AXES,
    },
    finish: ascending,
  },
  reduce_grad_product: {
    says: "d_x = d_y times the product of the other elements",
    shapes: "x [any], d_y [outputs of the fold] -> d_x [as x]",
    attributes: { axes: AXES },
    finish: ascending,
  },
  expand: {
    says: "y = x repeated along axes of length 1 and new leading axes",
    shapes: "x [broadcasts to shape] -> y [shape]",
    attributes: { shape: list(REQUIRED, "shape of y") },
  },
  matmul: {
    says: "y = a b + bias, batch axes broadcast as in NumPy",
    shapes: "a [.., M, K], b [.., K, N], bias [N] -> y [.., M, N]",
    attributes: MATMUL,
  },
  column_sum: {
    says: "y = sum over the rows",
    shapes: "x [batches, rows, columns] -> y [batches, columns]",
    attributes: NONE,
  },
  pad: {
    says: "y = x with margins",
    shapes: "x [any] -> y [each axis longer by its margins]",
    attributes: {
      padding: margins("margins of every axis of x"),
      mode: word(PAD_MODES, "constant", "reflect has the border once, symmetric twice"),
      value: number(0, "what constant margins hold"),
    },
  },
  pad_grad: {
    says: "d_x = d_y with the margins along one axis folded back",
    shapes: "d_y [any] -> d_x [axis shorter by its margins]",
    attributes: {
      axis: whole(REQUIRED, "the axis"),
      margins: pair(REQUIRED, "[before, after]"),
      mode: word(
        PAD_MODES.filter((mode) => mode !== "constant"),
        REQUIRED,
        "as in pad",
      ),
    },
  },
  slice: {
    says: "y = sizes elements of x from starts, every steps-th",
    shapes: "x [any] -> y [sizes]",
    attributes: {
      starts: list(REQUIRED, "first index along each axis"),
      sizes: list(REQUIRED, "elements along each axis"),
      steps: list(
        { says: "1 each", of: (at) => shapeOf(at, "x").map(() => 1) },
        "indices from one element to the next; negative: backwards",
      ),
    },
  },
  slice_grad: {
    says: "y = x placed into zeros",
    shapes: "x [any] -> y [shape]",
    attributes: {
      shape: list(REQUIRED, "shape of y"),
      starts: list(REQUIRED, "index of x's first element along each axis of y"),
      steps: list({ says: "1 each", of: (at) => shapeOf(at, "x").map(() => 1) }, "as in slice"),
    },
  },
  transpose: {
    says: "axis i of y is axis permutation[i] of x",
    shapes: "x [any] -> y [axes reordered]",
    attributes: {
      permutation: list(
        {
          says: "axes reversed",
          of: (at) =>
            shapeOf(at, "x")
              .map((_, axis) => axis)
              .toReversed(),
        },
        "order of the axes",
      ),
    },
  },
  concat: {
    says: "y = a, b, c and d one behind the other",
    shapes: "a, b, c, d [equal but for axis] -> y",
    attributes: { axis: whole(-1, "the axis; negative ones count from the end") },
    finish: (at) => {
      const axis = at.attributes["axis"] as number;
      return { axis: axis < 0 ? axis + shapeOf(at, "a").length : axis };
    },
  },
};
