// The scale of the loss, once per step.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { lossScale } from "../../src/kernels/loss_scale.ts";

/** One step. */
export const cases: readonly KernelProblem[] = [
  {
    name: "one step",
    kernel: lossScale,
    shapes: { norm: [4], scale: [1], steps: [1] },
    attributes: { max_norm: 1, growth: 200 },
  },
];
