// Normalisation at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { normApply, normGradInput, normGradPartial, normPartial } from "../../src/kernels/norm.ts";

const x = [6, 48, 80, 16];
const statistics = { mean: [6, 2], variance: [6, 2] };
const attributes = { batches: 6, groups: 2, epsilon: 1e-5 };
const channels = { gamma: [16], group_sum: [6, 2], group_dot: [6, 2] };

/** Group norm of the finest feature of nano. */
export const cases: readonly KernelProblem[] = [
  { name: "statistics 6x48x80x16", kernel: normPartial, shapes: { x }, attributes },
  {
    name: "apply 6x48x80x16",
    kernel: normApply,
    shapes: { x, ...statistics, gamma: [16], beta: [16] },
    attributes,
  },
  {
    name: "gradient sums 6x48x80x16",
    kernel: normGradPartial,
    shapes: { x, d_y: x, ...statistics },
    attributes,
  },
  {
    name: "gradient 6x48x80x16",
    kernel: normGradInput,
    shapes: { x, d_y: x, ...statistics, ...channels },
    attributes: { ...attributes, fixed: false },
  },
];
