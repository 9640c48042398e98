// Arithmetic of two tensors at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { binary, binaryGrad } from "../../src/kernels/binary.ts";

const y = [6, 24, 40, 64];

/** Residual sums of the encoder, a bias, and a scale per view. */
export const cases: readonly KernelProblem[] = [
  { name: "add 6x24x40x64", kernel: binary, shapes: { a: y, b: y }, attributes: { kind: "add" } },
  {
    name: "add a bias 6x24x40x64",
    kernel: binary,
    shapes: { a: y, b: [64] },
    attributes: { kind: "add" },
  },
  {
    name: "multiply by views 6x24x40x64",
    kernel: binary,
    shapes: { a: y, b: [6, 1, 1, 1] },
    attributes: { kind: "multiply" },
  },
  {
    name: "divide by b 6x24x40x64",
    kernel: binaryGrad,
    shapes: { a: y, b: y, d_y: y },
    attributes: { kind: "divide", side: "b" },
  },
];
