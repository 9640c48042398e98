// Dropout of features at the student's size.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { dropout } from "../../src/kernels/dropout.ts";

/** 64 channels at half the size. */
export const cases: readonly KernelProblem[] = [
  {
    name: "dropout 6x48x80x64",
    kernel: dropout,
    shapes: { x: [6, 48, 80, 64], scalars: [64] },
    attributes: { share: 0.1, seed: 1, slot: 0 },
    data: { scalars: { kind: "constant", value: 5 } },
  },
];
