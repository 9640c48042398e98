// Norm of all gradients of the resnet18 student.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { gradNorm, gradNormFinish } from "../../src/kernels/grad_norm.ts";

const n = 15_000_000 - (15_000_000 % 4096);

/** 15 million gradients. */
export const cases: readonly KernelProblem[] = [
  { name: "sums of 15 M", kernel: gradNorm, shapes: { gradients: [n] }, attributes: undefined },
  {
    name: "finish of their slabs",
    kernel: gradNormFinish,
    shapes: { partials: [n / 4096, 2] },
    attributes: { max_norm: 1 },
  },
];
