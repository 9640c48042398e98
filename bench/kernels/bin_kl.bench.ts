// Divergence of bin probabilities at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { binKl, binKlGrad } from "../../src/kernels/depth_bins/bin_kl.ts";

const attributes = { temperature: 1 };
const logits = [6, 48, 80, 64];
const inputs = { student: logits, teacher: logits, usable: [6, 48, 80, 1] };
const usable = { kind: "mask", share: 0.8 } as const;

/** 64 bins at half resolution. */
export const cases: readonly KernelProblem[] = [
  { name: "KL 6x48x80x64", kernel: binKl, shapes: inputs, attributes, data: { usable } },
  {
    name: "KL gradient 6x48x80x64",
    kernel: binKlGrad,
    shapes: { ...inputs, statistics: [6, 48, 80, 4], count: [1], d_loss: [1] },
    attributes,
    data: {
      usable,
      statistics: { kind: "uniform", low: 0.2, high: 1 },
      count: { kind: "constant", value: 18_432 },
    },
  },
];
