// Joining of decoder and skip at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { concat } from "../../src/kernels/concat.ts";

const none = [0];

/** The two largest stages of the decoder. */
export const cases: readonly KernelProblem[] = [
  {
    name: "concat 6x48x80x(32+64)",
    kernel: concat,
    shapes: { a: [6, 48, 80, 32], b: [6, 48, 80, 64], c: none, d: none },
    attributes: { axis: 3 },
  },
  {
    name: "concat 6x24x40x(64+64)",
    kernel: concat,
    shapes: { a: [6, 24, 40, 64], b: [6, 24, 40, 64], c: none, d: none },
    attributes: { axis: 3 },
  },
];
