// Depth from probabilities and centres (unfused) at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  binExpectation,
  binExpectationGrad,
  binExpectationGradSlabs,
} from "../../src/kernels/depth_bins/bin_expectation.ts";

const bins = [6, 48, 80, 128];
const one = [6, 48, 80, 1];
const none = [0];

/** 128 bins at half resolution, centres of the pixel. */
export const cases: readonly KernelProblem[] = [
  {
    name: "expectation 6x48x80x128",
    kernel: binExpectation,
    shapes: { probabilities: bins, centers: bins, scale: none },
    attributes: undefined,
  },
  {
    name: "expectation gradient 6x48x80x128",
    kernel: binExpectationGrad,
    shapes: { factor: bins, d_depth: one, scale: none },
    attributes: undefined,
  },
  {
    name: "expectation gradient by centres of the image, slabs",
    kernel: binExpectationGradSlabs,
    shapes: { probabilities: bins, d_depth: one, scale: none },
    attributes: { groups: 6 },
  },
];
