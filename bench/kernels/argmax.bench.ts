// The class of each pixel.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { argmax } from "../../src/kernels/argmax.ts";

/** 64 classes at the student's size. */
export const cases: readonly KernelProblem[] = [
  {
    name: "argmax of 64 at 6x48x80",
    kernel: argmax,
    shapes: { x: [6, 48, 80, 64] },
    attributes: { axis: 3 },
  },
];
