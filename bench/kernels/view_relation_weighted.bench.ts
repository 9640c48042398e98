// The weighted relation loss and its gradient at the student's sizes.
import {
  viewRelationWeighted,
  viewRelationWeightedGrad,
} from "../../src/kernels/relations/view_relation_weighted.ts";
import type { KernelProblem } from "../../src/engine/kernel.ts";

const attributes = undefined;

/** Both kernels on six views and a teacher of 64 features. */
function weighted(count: number, features: number): KernelProblem[] {
  const shapes = {
    student: [6, count, features],
    teacher: [6, count, 64],
    weights: [6, count, count],
  };
  const withGradient = { ...shapes, total: [1], d_loss: [1] };
  const size = shapes.student.join("x");
  return [
    { name: `weighted ${size}`, kernel: viewRelationWeighted, shapes, attributes },
    {
      name: `weighted gradient ${size}`,
      kernel: viewRelationWeightedGrad,
      shapes: withGradient,
      attributes,
    },
  ];
}

/** 60 and 240 tokens of 32 and 128 features. */
export const cases: readonly KernelProblem[] = [60, 240].flatMap((count) =>
  [32, 128].flatMap((features) => weighted(count, features)),
);
