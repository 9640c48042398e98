// The view relation, its loss and their gradients, stored, at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  viewRelation,
  viewRelationGrad,
  viewRelationLoss,
  viewRelationLossGrad,
} from "../../src/kernels/relations/view_relation.ts";

const attributes = undefined;

/** The relation of six views and its gradient. */
function relation(count: number, features: number): KernelProblem[] {
  const tokens = [6, count, features];
  const shapes = { tokens, d_relation: [6, count, count] };
  const size = tokens.join("x");
  return [
    { name: `relation ${size}`, kernel: viewRelation, shapes: { tokens }, attributes },
    { name: `gradient ${size}`, kernel: viewRelationGrad, shapes, attributes },
  ];
}

/** The loss between two relations of six pairs and its gradient. */
function loss(count: number): KernelProblem[] {
  const shape = [6, count, count];
  const shapes = { student: shape, teacher: shape };
  const withGradient = { ...shapes, d_loss: [1] };
  const size = shape.join("x");
  return [
    { name: `loss ${size}`, kernel: viewRelationLoss, shapes, attributes },
    {
      name: `loss gradient ${size}`,
      kernel: viewRelationLossGrad,
      shapes: withGradient,
      attributes,
    },
  ];
}

/** 60 and 240 tokens; 32 and 128 features of a student, 64 of a teacher. */
export const cases: readonly KernelProblem[] = [60, 240].flatMap((count) => [
  ...[32, 64, 128].flatMap((features) => relation(count, features)),
  ...loss(count),
]);
