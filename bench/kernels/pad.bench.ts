// Reflected margins at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { pad, padGrad } from "../../src/kernels/pad.ts";

const one = [1, 1] as const;
const none = [0, 0] as const;

/** One pixel around the decoder's largest activation, and both passes of its gradient. */
export const cases: readonly KernelProblem[] = [
  {
    name: "reflect 6x48x80x32",
    kernel: pad,
    shapes: { x: [6, 48, 80, 32] },
    attributes: { padding: [none, one, one, none], mode: "reflect", value: 0 },
  },
  {
    name: "reflect gradient by rows 6x48x80x32",
    kernel: padGrad,
    shapes: { d_y: [6, 50, 82, 32] },
    attributes: { axis: 1, margins: one, mode: "reflect" },
  },
  {
    name: "reflect gradient by columns 6x48x80x32",
    kernel: padGrad,
    shapes: { d_y: [6, 48, 82, 32] },
    attributes: { axis: 2, margins: one, mode: "reflect" },
  },
];
