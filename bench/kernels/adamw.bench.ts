// The update of all parameters of the resnet18 student.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { adamw } from "../../src/kernels/adamw.ts";

const n = 15_000_000 - (15_000_000 % 64);
const slots = { learning_rate: 0, correction1: 1, correction2: 2 };

/** 15 million parameters. */
export const cases: readonly KernelProblem[] = [
  {
    name: "step of 15 M",
    kernel: adamw,
    shapes: {
      scalars: [64],
      gradients: [n],
      decay: [n / 64],
      norm: [4],
      parameters: [n],
      first_moments: [n],
      second_moments: [n],
    },
    attributes: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01, slots },
    // A random norm may mean "not finite", which skips the update.
    data: {
      scalars: { kind: "uniform", low: 0.5, high: 2 },
      decay: { kind: "mask", share: 0.5 },
      norm: { kind: "constant", value: 0.8 },
      second_moments: { kind: "uniform", low: 0, high: 2 },
    },
  },
];
