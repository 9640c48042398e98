// The view relation: pooled tokens normalised to length one, their similarity with the next view's,
// and the loss between the relations of student and teacher. d_X_p += d_R_p X_{p+1}, d_X_{p+1} +=
// d_R_p^T X_p.
import { maskedMeanFinish } from "../../kernels/masked_mean.ts";
import {
  maskedPool as maskedPoolKernel,
  maskedPoolGrad,
  type MaskedPoolAttributes,
} from "../../kernels/masked_pool.ts";
import {
  normalizeRows as normalizeRowsKernel,
  normalizeRowsGrad,
  type NormalizeRowsAttributes,
} from "../../kernels/normalize_rows.ts";
import {
  viewRelation as viewRelationKernel,
  viewRelationGrad,
  viewRelationLoss as viewRelationLossKernel,
  viewRelationLossGrad,
} from "../../kernels/relations/view_relation.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. Masks and the teacher's relation have no gradient. */
export const viewRelationOps: {
  readonly masked_pool: Op<MaskedPoolAttributes, "x" | "mask">;
  readonly masked_pool_grad: Op<MaskedPoolAttributes, "mask" | "weight" | "d_tokens">;
  readonly normalize_rows: Op<NormalizeRowsAttributes, "x">;
  readonly normalize_rows_grad: Op<NormalizeRowsAttributes, "y" | "length" | "d_y">;
  readonly view_relation: Op<void, "tokens">;
  readonly view_relation_grad: Op<void, "tokens" | "d_relation">;
  readonly view_relation_loss: Op<void, "student" | "teacher">;
  readonly view_relation_loss_grad: Op<void, "student" | "teacher" | "d_loss">;
} = {
  masked_pool: kernelOp(
    "masked_pool",
    maskedPoolKernel,
    ["x", "mask"],
    ["tokens", "weight"],
    ({ inputs: { mask }, outputs: [, weight], attributes, d_outputs: [d_tokens] }) => [
      apply(
        viewRelationOps.masked_pool_grad,
        { mask: mask!, weight, d_tokens: d_tokens! },
        attributes,
      )[0],
      null,
    ],
  ),
  masked_pool_grad: kernelOp(
    "masked_pool_grad",
    maskedPoolGrad,
    ["mask", "weight", "d_tokens"],
    ["d_x"],
    null,
  ),
  normalize_rows: kernelOp(
    "normalize_rows",
    normalizeRowsKernel,
    ["x"],
    ["y", "length"],
    ({ outputs: [y, length], attributes, d_outputs: [d_y] }) =>
      apply(viewRelationOps.normalize_rows_grad, { y, length, d_y: d_y! }, attributes),
  ),
  normalize_rows_grad: kernelOp(
    "normalize_rows_grad",
    normalizeRowsGrad,
    ["y", "length", "d_y"],
    ["d_x"],
    null,
  ),
  view_relation: kernelOp(
    "view_relation",
    viewRelationKernel,
    ["tokens"],
    ["relation"],
    ({ inputs: { tokens }, d_outputs: [d_relation] }) =>
      apply(
        viewRelationOps.view_relation_grad,
        { tokens: tokens!, d_relation: d_relation! },
        undefined,
      ),
  ),
  view_relation_grad: kernelOp(
    "view_relation_grad",
    viewRelationGrad,
    ["tokens", "d_relation"],
    ["d_tokens"],
    null,
  ),
  view_relation_loss: {
    name: "view_relation_loss",
    inputs: ["student", "teacher"],
    outputs: ["loss", "count"],
    shapes: ({ student, teacher }) => {
      viewRelationLossKernel.shapes({ student, teacher }, undefined);
      return [[1], [1]];
    },
    lower: ({ inputs: { student, teacher }, outputs: [loss, count], temporary, call }) => {
      const { partials: shape } = viewRelationLossKernel.shapes(
        { student: student.shape, teacher: teacher.shape },
        undefined,
      );
      const partials = temporary("partials", shape);
      call(viewRelationLossKernel, { student, teacher, partials }, undefined);
      call(maskedMeanFinish, { partials, mean: loss, count }, undefined);
    },
    gradient: ({ inputs: { student, teacher }, d_outputs: [d_loss] }) => [
      apply(
        viewRelationOps.view_relation_loss_grad,
        { student: student!, teacher: teacher!, d_loss: d_loss! },
        undefined,
      )[0],
      null,
    ],
  },
  view_relation_loss_grad: kernelOp(
    "view_relation_loss_grad",
    viewRelationLossGrad,
    ["student", "teacher", "d_loss"],
    ["d_student"],
    null,
  ),
};

/**
 * Adaptive average pooling to a grid of tokens, weighted by a mask; a token with no weight is 0. x
 * [V, H, W, E], mask [V, H, W, 1] -> tokens [V, h w, E].
 */
export function maskedPool(x: Value, mask: Value, attributes: MaskedPoolAttributes): Value {
  checkOptions("maskedPool", attributes, { grid: "numbers" });
  return apply(viewRelationOps.masked_pool, { x, mask }, attributes)[0];
}

/** y = x / max(|x|, floor) per row. x [.., E] -> y of the same shape. */
export function normalizeRows(x: Value, floor = 1e-6): Value {
  return apply(viewRelationOps.normalize_rows, { x }, { floor })[0];
}

/**
 * R_p = X_p X_{p+1}^T for each ring-adjacent pair of views, each unordered pair once (V pairs, one
 * for V = 2, none for V = 1). tokens [V, L, E] -> relation [pairs, L, L]; cosines where tokens have
 * length one.
 */
export function viewRelation(tokens: Value): Value {
  return apply(viewRelationOps.view_relation, { tokens }, undefined)[0];
}

/**
 * Mean of (student - teacher)^2 over pairs and entries, 0 if there are no pairs. student, teacher
 * [pairs, L, L] -> loss [1].
 */
export function viewRelationLoss(student: Value, teacher: Value): Value {
  return apply(viewRelationOps.view_relation_loss, { student, teacher }, undefined)[0];
}
