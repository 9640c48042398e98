// Bin logits of a teacher from its relative depth: a Gaussian of sigma 1 / K around it over uniform
// bin centres.
import { like } from "../../tensor/array.ts";
import { size } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { shaders } from "../shaders.gen.ts";

/** K. */
export interface SoftBinsAttributes {
  readonly bins: number;
}

/** z_k = -(r - (k + 1/2) / K)^2 K^2 / 2. relative [V, H, W, 1] in [0, 1] -> logits [V, H, W, K]. */
export const softBins: Kernel<typeof shaders.soft_bins, SoftBinsAttributes> = kernel({
  shader: shaders.soft_bins,
  axes: { relative: "V, H, W, 1" },
  shapes: ({ relative }, { bins }) => {
    expectShape({ relative }, [...relative.slice(0, -1), 1]);
    if (!Number.isInteger(bins) || bins < 1) throw new Error(`bins is ${bins}, expected 1 or more`);
    return { logits: [...relative.slice(0, -1), bins] };
  },
  params: ({ relative }, { bins }) => ({ rows: size(relative), bins }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: a difference and two products; stored once
  cost: ({ relative }, { bins }) => ({
    flops: 3 * size(relative) * bins,
    bytes: 4 * size(relative) * (1 + bins),
  }),
  cases: (
    [
      ["the student's bins", [2, 5, 7, 1], 64],
      ["no pixel", [1, 0, 3, 1], 16],
      ["one bin", [1, 3, 1, 1], 1],
      ["a bin more than lanes", [1, 33, 1, 1], 9],
      ["a prime of bins", [1, 3, 1, 1], 257],
    ] as const
  ).map(([name, relative, bins]) => ({
    name,
    shapes: { relative },
    attributes: { bins },
    data: { relative: { kind: "uniform", low: 0, high: 1 } as const },
  })),
  terms: () => 8,
  // the position in bin widths is rounded, then squared
  magnitudes: ({ relative }, _, { bins }) => {
    const logits = like(relative, relative.length * bins);
    for (let i = 0; i < logits.length; i++) {
      const at = relative[Math.floor(i / bins)] * bins - 0.5;
      logits[i] = Math.abs(at - (i % bins)) * (Math.abs(at) + 0.5);
    }
    return { logits };
  },
  reference: ({ relative }, _, { bins }) => {
    const logits = like(relative, relative.length * bins);
    const sigma = 1 / bins;
    for (let row = 0; row < relative.length; row++) {
      for (let k = 0; k < bins; k++) {
        const apart = relative[row] - (k + 0.5) / bins;
        logits[row * bins + k] = (-apart * apart) / (2 * sigma * sigma);
      }
    }
    return { logits };
  },
});
