// The weighted loss of view relations directly from tokens, tile by tile.
import { maskedMeanFinish } from "../../kernels/masked_mean.ts";
import {
  viewRelationWeighted as viewRelationWeightedKernel,
  viewRelationWeightedGrad,
} from "../../kernels/relations/view_relation_weighted.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. Neither the teacher's tokens nor the weights have a gradient. */
export const viewRelationWeightedOps: {
  readonly view_relation_weighted: Op<void, "student" | "teacher" | "weights">;
  readonly view_relation_weighted_grad: Op<
    void,
    "student" | "teacher" | "weights" | "total" | "d_loss"
  >;
} = {
  view_relation_weighted: {
    name: "view_relation_weighted",
    inputs: ["student", "teacher", "weights"],
    outputs: ["loss", "total"],
    shapes: (shapes) => {
      viewRelationWeightedKernel.shapes(shapes, undefined);
      return [[1], [1]];
    },
    lower: ({ inputs, outputs: [loss, total], temporary, call }) => {
      const { student, teacher, weights } = inputs;
      const { partials: shape } = viewRelationWeightedKernel.shapes(
        { student: student.shape, teacher: teacher.shape, weights: weights.shape },
        undefined,
      );
      const partials = temporary("partials", shape);
      call(viewRelationWeightedKernel, { student, teacher, weights, partials }, undefined);
      call(maskedMeanFinish, { partials, mean: loss, count: total }, undefined);
    },
    gradient: ({ inputs, outputs: [, total], d_outputs: [d_loss] }) => [
      apply(
        viewRelationWeightedOps.view_relation_weighted_grad,
        { ...inputs, total, d_loss: d_loss! },
        undefined,
      )[0],
      null,
      null,
    ],
  },
  view_relation_weighted_grad: kernelOp(
    "view_relation_weighted_grad",
    viewRelationWeightedGrad,
    ["student", "teacher", "weights", "total", "d_loss"],
    ["d_student"],
    null,
  ),
};

/**
 * sum of w (X_p X_{p+1}^T - Y_p Y_{p+1}^T)^2 / max(sum of w, 1) over ring-adjacent pairs of views
 * and entries, 0 if there are no pairs. student X [V, L, E], teacher Y [V, L, F], weights w
 * [pairs, L, L] -> loss [1].
 */
export function viewRelationWeighted(student: Value, teacher: Value, weights: Value): Value {
  const given = { student, teacher, weights };
  return apply(viewRelationWeightedOps.view_relation_weighted, given, undefined)[0];
}
