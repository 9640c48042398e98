// Activations at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { activation, activationGrad } from "../../src/kernels/activation.ts";

const attributes = { kind: "elu", alpha: 1 } as const;
const y = [6, 48, 80, 32];

/** The decoder's largest activation. */
export const cases: readonly KernelProblem[] = [
  { name: "elu 6x48x80x32", kernel: activation, shapes: { x: y }, attributes },
  { name: "elu gradient 6x48x80x32", kernel: activationGrad, shapes: { x: y, d_y: y }, attributes },
];
