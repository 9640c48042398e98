// Ascending bin centres as the mid-points of cumulative positive widths, and their gradient.
import { withGradient } from "../../engine/problem.ts";
import { like } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { shaders } from "../shaders.gen.ts";
import { rowsOf } from "./softmax_bins.ts";

/** Left edge of the first bin, in the units of the widths. */
export interface BinCentersAttributes {
  readonly first_edge: number;
}

const sizes: readonly (readonly [string, Shape])[] = [
  ["seeds of a coarse feature", [2, 3, 5, 64]],
  ["no row", [2, 0, 3, 8]],
  ["one bin", [3, 1, 1, 1]],
  ["a workgroup and one, a prime of bins", [65, 37]],
];
const EDGE_AT_0: readonly [string, Shape] = ["the first edge at 0", [2, 3, 7]];

/** c_k = first_edge + sum_{j < k} w_j + w_k / 2. widths [.., K] -> centers of the same shape. */
export const binCenters: Kernel<typeof shaders.bin_centers, BinCentersAttributes> = kernel({
  shader: shaders.bin_centers,
  axes: { widths: "..., K" },
  shapes: ({ widths }) => ({ centers: widths }),
  params: ({ widths }, { first_edge }) => ({ ...rowsOf(widths), first_edge }),
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  // per bin: a product and two sums; read and written once
  cost: ({ widths }) => ({ flops: 3 * size(widths), bytes: 8 * size(widths) }),
  terms: ({ widths }) => widths.at(-1)!,
  cases: withGradient(
    [...sizes, EDGE_AT_0].map(([name, widths]) => ({
      name,
      shapes: { widths },
      attributes: { first_edge: name === EDGE_AT_0[0] ? 0 : 0.0005 },
      data: { widths: { kind: "uniform", low: 0.0001, high: 0.03 } },
    })),
    ({ attributes: { first_edge } }) => [{ wrt: ["widths"], linear: first_edge === 0 }],
  ),
  reference: ({ widths }, shapes, { first_edge }) => {
    const { bins } = rowsOf(shapes.widths);
    const centers = like(widths, widths.length);
    let edge = first_edge;
    for (let i = 0; i < widths.length; i++) {
      if (i % bins === 0) edge = first_edge;
      centers[i] = edge + widths[i] / 2;
      edge += widths[i];
    }
    return { centers };
  },
});

/** d_w_k = d_c_k / 2 + sum_{j > k} d_c_j. d_centers [.., K] -> d_widths of the same shape. */
export const binCentersGrad: Kernel<typeof shaders.bin_centers_grad> = kernel({
  shader: shaders.bin_centers_grad,
  axes: { d_centers: "..., K" },
  shapes: ({ d_centers }) => ({ d_widths: d_centers }),
  params: ({ d_centers }) => rowsOf(d_centers),
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  cost: ({ d_centers }) => ({ flops: 3 * size(d_centers), bytes: 8 * size(d_centers) }),
  terms: ({ d_centers }) => d_centers.at(-1)!,
  cases: sizes.map(([name, d_centers]) => ({ name, shapes: { d_centers }, attributes: undefined })),
  reference: ({ d_centers }, shapes) => {
    const { bins } = rowsOf(shapes.d_centers);
    const d_widths = like(d_centers, d_centers.length);
    let beyond = 0;
    for (let i = d_centers.length - 1; i >= 0; i--) {
      if (i % bins === bins - 1) beyond = 0;
      d_widths[i] = d_centers[i] / 2 + beyond;
      beyond += d_centers[i];
    }
    return { d_widths };
  },
});
