// The numbers per pixel that the fused kernels of the log-binomial head need, at the student's
// size.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { binomialPack } from "../../src/kernels/depth_bins/binomial_pack.ts";

const one = [6, 48, 80, 1];

/** 128 bins at half resolution. */
export const cases: readonly KernelProblem[] = [
  {
    name: "6x48x80, 128 bins",
    kernel: binomialPack,
    shapes: { pi: one, t: one, log_choose: [128, 2], scale: [6] },
    attributes: undefined,
    data: {
      pi: { kind: "uniform", low: 0.001, high: 0.999 },
      t: { kind: "uniform", low: 0.5, high: 50 },
      log_choose: { kind: "log_choose" },
    },
  },
];
