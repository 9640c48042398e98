// The gradient of a relu in nano's head with that of the bias before it.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { activationFusedGrad } from "../../src/kernels/activation_fused.ts";

const x = [6, 48, 80, 32];

/** The largest convolution of the head. */
export const cases: readonly KernelProblem[] = [
  {
    name: "relu and bias 6x48x80x32",
    kernel: activationFusedGrad,
    shapes: { x, d_y: x },
    attributes: { activation: { kind: "relu", alpha: 0 }, slab: 64 },
  },
];
