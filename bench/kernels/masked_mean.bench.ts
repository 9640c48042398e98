// Mean of the elements that a mask keeps, at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { maskedMean, maskedMeanFinish, maskedMeanGrad } from "../../src/kernels/masked_mean.ts";

const map = [6, 96, 160, 1];

/** Six maps of 96x160. */
export const cases: readonly KernelProblem[] = [
  {
    name: "sums 6x96x160",
    kernel: maskedMean,
    shapes: { x: map, mask: map },
    attributes: undefined,
  },
  {
    name: "finish of 90 slabs",
    kernel: maskedMeanFinish,
    shapes: { partials: [90, 2] },
    attributes: undefined,
  },
  {
    name: "gradient 6x96x160",
    kernel: maskedMeanGrad,
    shapes: { mask: map, count: [1], d_mean: [1] },
    attributes: undefined,
  },
];
