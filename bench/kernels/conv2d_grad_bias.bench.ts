// Gradient of the bias of the bin logits, the student's widest convolution with one.
import { conv2dGradBias } from "../../src/kernels/conv2d_grad_bias.ts";
import type { BenchCase } from "../bench_case.ts";

/** d_bias of 64 bins at half size. */
export const cases: readonly BenchCase[] = [
  {
    name: "6x48x80x64",
    kernel: conv2dGradBias,
    shapes: { d_y: [6, 48, 80, 64] },
    attributes: undefined,
  },
];
