// Products of matrices: a square one for comparison with others, and those of tokens and view
// relations.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { gemm } from "../../src/kernels/gemm.ts";

const plain = { transpose_a: false, transpose_b: false, slices: 1 };
const bias = [0];

/**
 * 512^3 with its two gradients, the tokens of six views, the gradient of a weight as a long sum
 * and at the points of Winograd, and products of few terms: those of Winograd and of 1x1
 * convolutions.
 */
export const cases: readonly KernelProblem[] = [
  {
    name: "512 x 512 x 512",
    kernel: gemm,
    shapes: { a: [512, 512], b: [512, 512], bias },
    attributes: plain,
  },
  {
    name: "512^3, gradient of a",
    kernel: gemm,
    shapes: { a: [512, 512], b: [512, 512], bias },
    attributes: { ...plain, transpose_b: true },
  },
  {
    name: "512^3, gradient of b",
    kernel: gemm,
    shapes: { a: [512, 512], b: [512, 512], bias },
    attributes: { ...plain, transpose_a: true },
  },
  {
    name: "tokens 6x60 x 512 -> 512, bias",
    kernel: gemm,
    shapes: { a: [360, 512], b: [512, 512], bias: [512] },
    attributes: { ...plain, transpose_b: true },
  },
  {
    name: "relation of six views, 60 tokens x 512",
    kernel: gemm,
    shapes: { a: [6, 60, 512], b: [6, 60, 512], bias },
    attributes: { ...plain, transpose_b: true },
  },
  {
    name: "weight gradient 64 x 64 over 23040 pixels, 16 slices",
    kernel: gemm,
    shapes: { a: [23_040, 64], b: [23_040, 64], bias },
    attributes: { transpose_a: true, transpose_b: false, slices: 16 },
  },
  {
    name: "weight gradient at 36 points, 64 x 64 over 360 tiles",
    kernel: gemm,
    shapes: { a: [36, 360, 64], b: [36, 360, 64], bias },
    attributes: { ...plain, transpose_a: true },
  },
  ...[
    [36, 1440, 64, 64],
    [36, 360, 64, 64],
    [36, 360, 32, 32],
    [36, 360, 96, 96],
    [1, 23_040, 48, 24],
    [1, 5760, 32, 32],
  ].map(([batches, m, k, n]): KernelProblem => ({
    name: `${batches} x ${m} x ${k} x ${n}`,
    kernel: gemm,
    shapes: { a: [batches, m, k], b: [batches, n, k], bias },
    attributes: { ...plain, transpose_b: true },
  })),
];
