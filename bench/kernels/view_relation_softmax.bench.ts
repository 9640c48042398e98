// The divergence of relations' row softmaxes and its gradient at the student's sizes.
import {
  viewRelationSoftmax,
  viewRelationSoftmaxGrad,
} from "../../src/kernels/relations/view_relation_softmax.ts";
import type { KernelProblem } from "../../src/engine/kernel.ts";

const attributes = { temperature: 0.1 };

/** Both kernels on six views and a teacher of 64 features. */
function softmax(count: number, features: number): KernelProblem[] {
  const shapes = { student: [6, count, features], teacher: [6, count, 64] };
  const withGradient = { ...shapes, statistics: [6, 2, count, 2], d_loss: [1] };
  const size = shapes.student.join("x");
  return [
    { name: `softmax ${size}`, kernel: viewRelationSoftmax, shapes, attributes },
    {
      name: `softmax gradient ${size}`,
      kernel: viewRelationSoftmaxGrad,
      shapes: withGradient,
      attributes,
    },
  ];
}

/** 60 and 240 tokens of 32 and 128 features. */
export const cases: readonly KernelProblem[] = [60, 240].flatMap((count) =>
  [32, 128].flatMap((features) => softmax(count, features)),
);
