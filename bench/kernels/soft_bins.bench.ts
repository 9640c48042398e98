// Soft bins of a teacher's relative depth at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { softBins } from "../../src/kernels/depth_bins/soft_bins.ts";

/** 64 bins at half resolution. */
export const cases: readonly KernelProblem[] = [
  {
    name: "soft bins 6x48x80x64",
    kernel: softBins,
    shapes: { relative: [6, 48, 80, 1] },
    attributes: { bins: 64 },
  },
];
