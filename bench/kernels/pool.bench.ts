// Pooling at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { poolAverage, poolAverageGrad, poolMax, poolMaxGrad } from "../../src/kernels/pool.ts";

const x = [6, 48, 80, 64];
const y = [6, 24, 40, 64];
const attributes = {
  window: [3, 3],
  stride: [2, 2],
  dilation: [1, 1],
  padding: [1, 1, 1, 1],
  size: [24, 40],
} as const;
const average = { ...attributes, countPadding: false };

/** The encoder's stem. */
export const cases: readonly KernelProblem[] = [
  { name: "max 6x48x80x64", kernel: poolMax, shapes: { x }, attributes },
  { name: "max gradient 6x48x80x64", kernel: poolMaxGrad, shapes: { x, y, d_y: y }, attributes },
  { name: "mean 6x48x80x64", kernel: poolAverage, shapes: { x }, attributes: average },
  {
    name: "mean gradient 6x48x80x64",
    kernel: poolAverageGrad,
    shapes: { d_y: y },
    attributes: { ...average, from: [48, 80] },
  },
];
