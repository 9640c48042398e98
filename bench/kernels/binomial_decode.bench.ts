// Depth from a binomial over the bins, none stored, at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { binomialDecode, rowsOfBins } from "../../src/kernels/depth_bins/binomial_decode.ts";

const rows = [6, 48, 80, 5];

/** 128 bins at half resolution, centres of the pixel and of the image. */
export const cases: readonly KernelProblem[] = (
  [
    ["pixel", [6, 48, 80, 128]],
    ["image", [6, 1, 1, 128]],
  ] as const
).map(([whose, centers]) => ({
  name: `binomial and expectation 6x48x80x128, centres of the ${whose}`,
  kernel: binomialDecode,
  shapes: { rows, log_choose: [128, 2], centers },
  attributes: undefined,
  data: { rows: rowsOfBins(128), log_choose: { kind: "log_choose" } },
}));
