// Folds along axes as ops, and broadcasting, which is the adjoint of summing.
import {
  reduce as reduceKernel,
  reducedShape,
  reducePasses,
  REDUCTIONS,
  type ReduceAttributes,
  type Reduction,
} from "../../kernels/reduce.ts";
import { broadcastShape, broadcastSteps } from "../../engine/axes.ts";
import {
  reduceGrad,
  reduceGradProduct,
  type ReduceGradAttributes,
  type ReduceGradProductAttributes,
} from "../../kernels/reduce_grad.ts";
import { stridedRead } from "../../kernels/strided.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape, sameShape, size, type Shape } from "../../tensor/shape.ts";
import { apply, kernelOp, reshape } from "../apply.ts";
import { checkChoice, checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";
import { unary } from "./unary.ts";

/** The shape to broadcast to. */
export interface ExpandAttributes {
  readonly shape: Shape;
}

/**
 * The ops of this family, by name. Gradients of sums and means are broadcast back, those of
 * other folds need their input.
 */
export const reduceOps: {
  readonly reduce: Op<ReduceAttributes, "x">;
  readonly reduce_grad: Op<ReduceGradAttributes, "x" | "y" | "d_y">;
  readonly reduce_grad_product: Op<ReduceGradProductAttributes, "x" | "d_y">;
  readonly expand: Op<ExpandAttributes, "x">;
} = {
  reduce: {
    name: "reduce",
    inputs: ["x"],
    outputs: ["y"],
    shapes: ({ x }, { axes, keep }) => [reducedShape(x, axes, keep)],
    lower: ({ inputs: { x }, outputs: [y], attributes, temporary, view, call }) => {
      const outputs = size(y.shape);
      let from = x;
      for (const pass of reducePasses(x.shape, attributes)) {
        const whole = pass.first ? y : view(y, [outputs]);
        const to = pass.last ? whole : temporary("partial", [pass.slabs, outputs]);
        call(reduceKernel, { x: from, y: to }, pass);
        from = to;
      }
    },
    gradient: ({ inputs: { x }, outputs: [y], attributes: { kind, axes }, d_outputs: [d_y] }) => {
      const kept = reducedShape(x!.shape, axes, true);
      switch (kind) {
        case "sum":
          return [expand(reshape(d_y!, kept), x!.shape)];
        case "mean": {
          const share = size(y.shape) / Math.max(size(x!.shape), 1);
          return [expand(reshape(unary(d_y!, "affine", share), kept), x!.shape)];
        }
        case "product":
          return apply(reduceOps.reduce_grad_product, { x: x!, d_y: d_y! }, { axes });
        default:
          return apply(reduceOps.reduce_grad, { x: x!, y, d_y: d_y! }, { kind, axes });
      }
    },
  },
  reduce_grad: kernelOp("reduce_grad", reduceGrad, ["x", "y", "d_y"], ["d_x"], null),
  reduce_grad_product: kernelOp(
    "reduce_grad_product",
    reduceGradProduct,
    ["x", "d_y"],
    ["d_x"],
    null,
  ),
  expand: {
    name: "expand",
    inputs: ["x"],
    outputs: ["y"],
    shapes: ({ x }, { shape }) => {
      if (!sameShape(broadcastShape(x, shape), shape)) {
        throw new InputError(`${formatShape(x)} does not broadcast to ${formatShape(shape)}`);
      }
      return [shape];
    },
    lower: ({ inputs: { x }, outputs: [y], attributes: { shape }, call }) => {
      const steps = broadcastSteps(x.shape, shape);
      call(stridedRead, { x, y }, { shape, start: 0, steps });
    },
    gradient: ({ inputs: { x }, d_outputs: [d_y] }) => [sumTo(d_y!, x!.shape)],
  },
};

/** Options of a fold. */
export interface ReduceOptions {
  /**
   * Axes to fold, negative ones from the end; by default all. An empty list folds each element
   * alone.
   */
  readonly axes?: readonly number[];
  /** Keep the folded axes with length 1. */
  readonly keep?: boolean;
}

/**
 * y = fold of x along axes; equal extrema each take the whole gradient. x [any] -> y [kept axes].
 */
export function reduce(x: Value, kind: Reduction, options: ReduceOptions = {}): Value {
  checkChoice("reduce", "kind", kind, REDUCTIONS);
  checkOptions("reduce", options, {}, { axes: "numbers", keep: "flag" });
  const rank = x.shape.length;
  const axes = (options.axes ?? [...x.shape.keys()]).map((axis) => (axis < 0 ? axis + rank : axis));
  const attributes = { kind, axes: axes.toSorted((a, b) => a - b), keep: options.keep ?? false };
  return apply(reduceOps.reduce, { x }, attributes)[0];
}

/**
 * x repeated along axes of length 1 and new leading axes. x [broadcasts to `shape`] -> [`shape`].
 */
export function expand(x: Value, shape: Shape): Value {
  return sameShape(x.shape, shape) ? x : apply(reduceOps.expand, { x }, { shape })[0];
}

/**
 * x summed over the axes along which `shape` is broadcast to x's shape: the adjoint of `expand`.
 */
export function sumTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const missing = x.shape.length - shape.length;
  const axes = [...x.shape.keys()].filter(
    (axis) => axis < missing || (shape[axis - missing] === 1 && x.shape[axis] !== 1),
  );
  return reshape(reduce(x, "sum", { axes, keep: true }), shape);
}
