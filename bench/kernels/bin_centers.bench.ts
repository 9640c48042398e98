// Cumulative bin centres at the coarsest feature of the student.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { binCenters, binCentersGrad } from "../../src/kernels/depth_bins/bin_centers.ts";

const widths = [6, 12, 20, 64];

/** Seeds of 64 bins. */
export const cases: readonly KernelProblem[] = [
  {
    name: "centres 6x12x20x64",
    kernel: binCenters,
    shapes: { widths },
    attributes: { first_edge: 0.0005 },
  },
  {
    name: "gradient 6x12x20x64",
    kernel: binCentersGrad,
    shapes: { d_centers: widths },
    attributes: undefined,
  },
];
