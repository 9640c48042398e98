// The divergence of row softmaxes of view relations directly from tokens, tile by tile. binKl of
// stored relations computes the same.
import { maskedMeanFinish } from "../../kernels/masked_mean.ts";
import {
  viewRelationSoftmax as viewRelationSoftmaxKernel,
  viewRelationSoftmaxGrad,
  type RelationSoftmaxAttributes,
} from "../../kernels/relations/view_relation_softmax.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. The teacher's tokens have no gradient. */
export const viewRelationSoftmaxOps: {
  readonly view_relation_softmax: Op<RelationSoftmaxAttributes, "student" | "teacher">;
  readonly view_relation_softmax_grad: Op<
    RelationSoftmaxAttributes,
    "student" | "teacher" | "statistics" | "d_loss"
  >;
} = {
  view_relation_softmax: {
    name: "view_relation_softmax",
    inputs: ["student", "teacher"],
    outputs: ["loss", "count", "statistics"],
    shapes: (shapes, attributes) => [
      [1],
      [1],
      viewRelationSoftmaxKernel.shapes(shapes, attributes).statistics,
    ],
    lower: ({ inputs, outputs, attributes, temporary, call }) => {
      const { student, teacher } = inputs;
      const [loss, count, statistics] = outputs;
      const { partials: shape } = viewRelationSoftmaxKernel.shapes(
        { student: student.shape, teacher: teacher.shape },
        attributes,
      );
      const partials = temporary("partials", shape);
      call(viewRelationSoftmaxKernel, { student, teacher, partials, statistics }, attributes);
      call(maskedMeanFinish, { partials, mean: loss, count }, undefined);
    },
    gradient: ({ inputs, outputs: [, , statistics], attributes, d_outputs: [d_loss] }) => [
      apply(
        viewRelationSoftmaxOps.view_relation_softmax_grad,
        { student: inputs.student!, teacher: inputs.teacher!, statistics, d_loss: d_loss! },
        attributes,
      )[0],
      null,
    ],
  },
  view_relation_softmax_grad: kernelOp(
    "view_relation_softmax_grad",
    viewRelationSoftmaxGrad,
    ["student", "teacher", "statistics", "d_loss"],
    ["d_student"],
    null,
  ),
};

/**
 * Mean over ordered pairs (v, w) of neighbours and rows of KL(softmax(Y_v Y_w^T / temperature) ||
 * softmax(X_v X_w^T / temperature)), 0 if there are no pairs. student X [V, L, E], teacher Y [V, L,
 * F] -> loss [1]. Source: CIRKD, Yang et al. 2022 (arXiv:2204.06986).
 */
export function viewRelationSoftmax(
  student: Value,
  teacher: Value,
  attributes: RelationSoftmaxAttributes,
): Value {
  checkOptions("viewRelationSoftmax", attributes, { temperature: "number" });
  return apply(viewRelationSoftmaxOps.view_relation_softmax, { student, teacher }, attributes)[0];
}
