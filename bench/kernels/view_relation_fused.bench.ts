// The fused view relation's loss and gradient at the student's sizes. The stored form of the same
// step is in view_relation.bench.ts: the relations of student and teacher, loss, loss gradient,
// gradient.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  viewRelationFused,
  viewRelationFusedGrad,
} from "../../src/kernels/relations/view_relation_fused.ts";

const attributes = undefined;

/** Both kernels on six views and a teacher of 64 features. */
function fused(count: number, features: number): KernelProblem[] {
  const shapes = { student: [6, count, features], teacher: [6, count, 64] };
  const withGradient = { ...shapes, d_loss: [1] };
  const size = shapes.student.join("x");
  return [
    { name: `fused ${size}`, kernel: viewRelationFused, shapes, attributes },
    {
      name: `fused gradient ${size}`,
      kernel: viewRelationFusedGrad,
      shapes: withGradient,
      attributes,
    },
  ];
}

/** 60 and 240 tokens of 32 and 128 features. */
export const cases: readonly KernelProblem[] = [60, 240].flatMap((count) =>
  [32, 128].flatMap((features) => fused(count, features)),
);
