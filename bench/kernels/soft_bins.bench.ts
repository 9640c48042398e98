// Soft bins of a teacher's relative depth at the student's sizes.
import { softBins } from "../../src/kernels/depth_bins/soft_bins.ts";
import type { BenchCase } from "../bench_case.ts";

/** 64 bins at half resolution. */
export const cases: readonly BenchCase[] = [
  {
    name: "soft bins 6x48x80x64",
    kernel: softBins,
    shapes: { relative: [6, 48, 80, 1] },
    attributes: { bins: 64 },
  },
];
