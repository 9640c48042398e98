// The update of all parameters of the resnet18 student by gradient descent.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { sgd } from "../../src/kernels/sgd.ts";

const n = 15_000_000 - (15_000_000 % 64);

/** 15 million parameters. */
export const cases: readonly KernelProblem[] = [
  {
    name: "step of 15 M",
    kernel: sgd,
    shapes: {
      scalars: [64],
      gradients: [n],
      decay: [n / 64],
      norm: [4],
      parameters: [n],
      first_moments: [n],
    },
    attributes: {
      momentum: 0.9,
      nesterov: false,
      weight_decay: 0.01,
      slots: { learning_rate: 0 },
    },
    // A random norm may mean "not finite", which skips the update.
    data: {
      scalars: { kind: "uniform", low: 0.5, high: 2 },
      decay: { kind: "mask", share: 0.5 },
      norm: { kind: "constant", value: 0.8 },
    },
  },
];
