// Gradients of the two inputs of the last concatenation in nano's decoder, added to another one.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { sliceSum } from "../../src/kernels/slice_sum.ts";

/** A slice of 16 of 32 channels and a whole tensor. */
export const cases: readonly KernelProblem[] = [
  {
    name: "slice and tensor 6x48x80x16",
    kernel: sliceSum,
    shapes: { a: [6, 48, 80, 32], b: [6, 48, 80, 16], c: [0], d: [0] },
    attributes: { shape: [6, 48, 80, 16], firsts: [16, 0] },
  },
];
