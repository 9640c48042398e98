// The transforms of a Winograd convolution at a student's size: 64 to 64 channels of six views.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { gemm } from "../../src/kernels/gemm.ts";
import {
  winogradImage,
  winogradOutput,
  winogradWeight,
} from "../../src/kernels/convolution/winograd.ts";

/** In the order in which they run, with the product between them. */
export const cases: readonly KernelProblem[] = [
  {
    name: "6x24x40x64",
    kernel: winogradImage,
    shapes: { x: [6, 24, 40, 64] },
    attributes: { padding: [1, 1], output: [24, 40], lines: [0, 36] },
  },
  {
    name: "64 to 64",
    kernel: winogradWeight,
    shapes: { weight: [64, 3, 3, 64] },
    attributes: { turned: false },
  },
  {
    name: "36 points of winograd 6x24x40x64",
    kernel: gemm,
    shapes: { a: [36, 360, 64], b: [36, 64, 64], bias: [0] },
    attributes: { transpose_a: false, transpose_b: true, slices: 1 },
  },
  {
    name: "6x24x40x64",
    kernel: winogradOutput,
    shapes: { products: [36, 360, 64], bias: [64], y: [6, 24, 40, 64] },
    attributes: { relu: false, lines: [0, 36] },
  },
];
