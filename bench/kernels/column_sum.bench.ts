// Column sums at the sizes of bias gradients and of sums cut in slices.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { columnSum, columnSumFour } from "../../src/kernels/column_sum.ts";

/**
 * The bias gradient of a 1x1 convolution over six views, and 16 slices of a 64 x 64 weight
 * gradient.
 */
export const cases: readonly KernelProblem[] = [
  {
    name: "bias gradient 6x48x80 x 64",
    kernel: columnSum,
    shapes: { x: [1, 23_040, 64] },
    attributes: { slab: 64 },
  },
  {
    name: "16 slices of 64 x 64",
    kernel: columnSum,
    shapes: { x: [1, 16, 4096] },
    attributes: { slab: 16 },
  },
  {
    name: "four weight gradients of nano",
    kernel: columnSumFour,
    shapes: { a: [1, 72, 1152], b: [1, 21, 3456], c: [1, 6, 6912], d: [1, 2, 13_824] },
    attributes: undefined,
  },
];
