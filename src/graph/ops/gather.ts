// Elements along an axis at places that another value names. What reaches an element that several
// places name is added in their order. The indices have no gradient.
import {
  gather as gatherKernel,
  gatherGrad,
  type GatherAttributes,
  type GatherGradAttributes,
} from "../../kernels/gather.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. */
export const gatherOps: {
  readonly gather: Op<GatherAttributes, "x" | "indices">;
  readonly gather_grad: Op<GatherGradAttributes, "indices" | "d_y">;
} = {
  gather: kernelOp(
    "gather",
    gatherKernel,
    ["x", "indices"],
    ["y"],
    ({ inputs: { x, indices }, attributes, d_outputs: [d_y] }) => [
      apply(
        gatherOps.gather_grad,
        { indices: indices!, d_y: d_y! },
        { ...attributes, shape: x!.shape },
      )[0],
      null,
    ],
  ),
  gather_grad: kernelOp("gather_grad", gatherGrad, ["indices", "d_y"], ["d_x"], null),
};

/**
 * The slices of x along an axis at `indices`, such as rows of a table of embeddings: whole numbers
 * from 0, NaN comes out for any other. x [O, N, I], indices [M of any axes] -> [O, M, I].
 */
export function gather(x: Value, indices: Value, axis = 0): Value {
  const attributes = { axis: placeOf("gather", x, axis), along: false };
  return apply(gatherOps.gather, { x, indices }, attributes)[0];
}

/**
 * The elements of x at `indices` along an axis, one place of its own for each element of y. x [O, N,
 * I], indices [O, M, I] -> [O, M, I].
 */
export function gatherAlong(x: Value, indices: Value, axis = -1): Value {
  const attributes = { axis: placeOf("gatherAlong", x, axis), along: true };
  return apply(gatherOps.gather, { x, indices }, attributes)[0];
}

/** An axis from 0; a negative one counts from the end. */
export function placeOf(op: string, { shape }: Value, axis: number): number {
  checkOptions(op, { axis }, { axis: "number" });
  return axis < 0 ? axis + shape.length : axis;
}
