// Gradients of a distilled decode at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  binDistillGrad,
  binDistillGradBinomial,
  binDistillGradBinomialSlabs,
} from "../../src/kernels/depth_bins/bin_distill_grad.ts";
import { rowsOfBins } from "../../src/kernels/depth_bins/binomial_decode.ts";

const student = [6, 48, 80, 128];
const image = [6, 1, 1, 128];
const teacher = [6, 48, 80, 1];
const factors = [6, 48, 80, 8];
const binomial = { rows: [6, 48, 80, 5], log_choose: [128, 2], teacher, factors };
const relative = { kind: "uniform", low: 0, high: 1 } as const;
// positive, so that sums have no cancellation that would hide behind an absolute tolerance
const positive = { kind: "uniform", low: 0.2, high: 1 } as const;
const data = {
  rows: rowsOfBins(128),
  log_choose: { kind: "log_choose" },
  teacher: relative,
  factors: positive,
} as const;

/**
 * 128 bins at half resolution with a teacher of relative depth; 64 bins with one of (pi, t), packed
 * or as stored logits.
 */
export const cases: readonly KernelProblem[] = [
  {
    name: "by logits and centres of the pixel 6x48x80x128",
    kernel: binDistillGrad,
    shapes: { student, teacher, centers: student, factors },
    attributes: { teacher: "relative", groups: 0 },
    data: { teacher: relative, factors: positive },
  },
  {
    name: "by logits and centres of the image 6x48x80x128",
    kernel: binDistillGrad,
    shapes: { student, teacher, centers: image, factors },
    attributes: { teacher: "relative", groups: 6 },
    data: { teacher: relative, factors: positive },
  },
  {
    name: "by pi, t and centres of the pixel 6x48x80x128",
    kernel: binDistillGradBinomial,
    shapes: { ...binomial, centers: student },
    attributes: { teacher: "relative", by_centers: true },
    data,
  },
  {
    name: "by pi and t 6x48x80x128, centres of the image",
    kernel: binDistillGradBinomial,
    shapes: { ...binomial, centers: image },
    attributes: { teacher: "relative", by_centers: false },
    data,
  },
  ...(["binomial", "logits"] as const).map((kind) => ({
    name: `by pi, t and centres of the pixel 6x32x64x64, taught by ${kind}`,
    kernel: binDistillGradBinomial,
    shapes: {
      rows: [6, 32, 64, 5],
      log_choose: [64, 2],
      teacher: [6, 32, 64, kind === "binomial" ? 5 : 64],
      centers: [6, 32, 64, 64],
      factors: [6, 32, 64, 8],
    },
    attributes: { teacher: kind, by_centers: true },
    data: {
      ...data,
      rows: rowsOfBins(64),
      teacher: kind === "binomial" ? rowsOfBins(64) : ({ kind: "normal" } as const),
    },
  })),
  {
    name: "by centres of the image 6x48x80x128, slabs",
    kernel: binDistillGradBinomialSlabs,
    shapes: binomial,
    attributes: { teacher: "relative", groups: 6 },
    data,
  },
];
