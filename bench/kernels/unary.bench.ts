// Elementary functions at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { unary, unaryGrad } from "../../src/kernels/unary.ts";

const attributes = { kind: "affine", alpha: 2, beta: 1 } as const;
const x = [6, 48, 80, 32];

/** Copies and scalings of the decoder's largest activation. */
export const cases: readonly KernelProblem[] = [
  { name: "affine 6x48x80x32", kernel: unary, shapes: { x }, attributes },
  {
    name: "exp gradient 6x48x80x32",
    kernel: unaryGrad,
    shapes: { x, d_y: x },
    attributes: { ...attributes, kind: "exp" },
  },
];
