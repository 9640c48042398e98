// The view relation's loss directly from tokens, tile by tile. viewRelation and viewRelationLoss
// compute the same in two steps, with the relations stored in between.
import { maskedMeanFinish } from "../../kernels/masked_mean.ts";
import {
  viewRelationFused as viewRelationFusedKernel,
  viewRelationFusedGrad,
} from "../../kernels/relations/view_relation_fused.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. The teacher's tokens have no gradient. */
export const viewRelationFusedOps: {
  readonly view_relation_fused: Op<void, "student" | "teacher">;
  readonly view_relation_fused_grad: Op<void, "student" | "teacher" | "d_loss">;
} = {
  view_relation_fused: {
    name: "view_relation_fused",
    inputs: ["student", "teacher"],
    outputs: ["loss", "count"],
    shapes: ({ student, teacher }) => {
      viewRelationFusedKernel.shapes({ student, teacher }, undefined);
      return [[1], [1]];
    },
    lower: ({ inputs: { student, teacher }, outputs: [loss, count], temporary, call }) => {
      const { partials: shape } = viewRelationFusedKernel.shapes(
        { student: student.shape, teacher: teacher.shape },
        undefined,
      );
      const partials = temporary("partials", shape);
      call(viewRelationFusedKernel, { student, teacher, partials }, undefined);
      call(maskedMeanFinish, { partials, mean: loss, count }, undefined);
    },
    gradient: ({ inputs: { student, teacher }, d_outputs: [d_loss] }) => [
      apply(
        viewRelationFusedOps.view_relation_fused_grad,
        { student: student!, teacher: teacher!, d_loss: d_loss! },
        undefined,
      )[0],
      null,
    ],
  },
  view_relation_fused_grad: kernelOp(
    "view_relation_fused_grad",
    viewRelationFusedGrad,
    ["student", "teacher", "d_loss"],
    ["d_student"],
    null,
  ),
};

/**
 * Mean of (X_p X_{p+1}^T - Y_p Y_{p+1}^T)^2 over ring-adjacent pairs of views and entries, 0 if
 * there are no pairs: viewRelationLoss of two viewRelations without L x L tensors. student X [V, L,
 * E], teacher Y [V, L, F] -> loss [1].
 */
export function viewRelationFused(student: Value, teacher: Value): Value {
  return apply(viewRelationFusedOps.view_relation_fused, { student, teacher }, undefined)[0];
}
