// Gradients of folds at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { reduceGrad, reduceGradProduct } from "../../src/kernels/reduce_grad.ts";

const x = [6, 48, 80, 64];
const y = [6, 48, 80];

/** Folds over bins. */
export const cases: readonly KernelProblem[] = [
  {
    name: "ln sum exp gradient 6x48x80x64",
    kernel: reduceGrad,
    shapes: { x, y, d_y: y },
    attributes: { kind: "log_sum_exp", axes: [3] },
  },
  {
    name: "product gradient 6x48x80x64",
    kernel: reduceGradProduct,
    shapes: { x, d_y: y },
    attributes: { axes: [3] },
  },
];
