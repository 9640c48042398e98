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
const small = [6, 32, 64, 64];
const packed = [6, 32, 64, 5];
const CENTERS = [
  ["pixel", student],
  ["image", [6, 1, 1, 128]],
] as const;

/**
 * 128 bins at half resolution with a teacher of relative depth; 64 bins with one of (pi, t), packed
 * or as stored logits.
 */
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
    name: "depth, cross and KL from logits 6x32x64x64 taught by a binomial, centres of the pixel",
    kernel: binDistill,
    shapes: { student: small, teacher: packed, centers: small, scale: [6] },
    attributes: { teacher: "binomial" },
    data: { teacher: rowsOfBins(64) },
  },
  ...(["binomial", "logits"] as const).map((teacher) => ({
    name: `depth, cross and KL from a binomial 6x32x64x64 taught by ${teacher}, centres of the pixel`,
    kernel: binDistillBinomial,
    shapes: {
      rows: packed,
      log_choose: [64, 2],
      teacher: teacher === "binomial" ? packed : small,
      centers: small,
    },
    attributes: { teacher },
    data: {
      rows: rowsOfBins(64),
      log_choose: { kind: "log_choose" } as const,
      ...(teacher === "binomial" && { teacher: rowsOfBins(64) }),
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
