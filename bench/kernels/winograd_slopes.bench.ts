// Tiles of d_y at Winograd's points, for the student's 3x3 convolutions.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { winogradSlopes } from "../../src/kernels/convolution/winograd_slopes.ts";

const MAPS = [
  [6, 48, 80, 64],
  [6, 24, 40, 64],
  [6, 6, 10, 96],
];

/** The maps of three levels. */
export const cases: readonly KernelProblem[] = MAPS.map((d_y) => ({
  name: d_y.join("x"),
  kernel: winogradSlopes,
  shapes: { d_y },
  attributes: { lines: [0, d_y[0] * Math.ceil(d_y[1] / 4)] },
}));
