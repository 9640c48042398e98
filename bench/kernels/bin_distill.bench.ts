// A distilled decode in one kernel at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  binDistill,
  binDistillBinomial,
  binDistillFactors,
} from "../../src/kernels/depth_bins/bin_distill.ts";
import { rowsOfBins } from "../../src/kernels/depth_bins/binomial_decode.ts";

const student = [6, 48, 80, 128];
const one = [6, 48, 80, 1];
const CENTERS = [
  ["pixel", student],
  ["image", [6, 1, 1, 128]],
] as const;

/** 128 bins at half resolution; a teacher of relative depth. */
export const cases: readonly KernelProblem[] = [
  ...CENTERS.map(([whose, centers]) => ({
    name: `depth, cross and KL from logits 6x48x80x128, centres of the ${whose}`,
    kernel: binDistill,
    shapes: { student, teacher: one, centers, scale: [6] },
    attributes: { teacher: "relative" },
    data: { teacher: { kind: "uniform", low: 0, high: 1 } as const },
  })),
  ...CENTERS.map(([whose, centers]) => ({
    name: `depth, cross and KL from a binomial 6x48x80x128, centres of the ${whose}`,
    kernel: binDistillBinomial,
    shapes: { rows: [6, 48, 80, 5], log_choose: [128, 2], teacher: one, centers },
    attributes: { teacher: "relative" },
    data: {
      rows: rowsOfBins(128),
      log_choose: { kind: "log_choose" } as const,
      teacher: { kind: "uniform", low: 0, high: 1 } as const,
    },
  })),
  {
    name: "factors of the gradients 6x48x80",
    kernel: binDistillFactors,
    shapes: {
      statistics: [6, 48, 80, 4],
      scale: [6],
      depth: one,
      d_depth: one,
      d_cross: one,
      d_kl: one,
    },
    attributes: undefined,
  },
];
