// From products at Winograd's points to the taps of the student's 3x3 convolutions.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { winogradGradWeight } from "../../src/kernels/convolution/winograd_grad_weight.ts";

const PRODUCTS = [
  [36, 64, 64],
  [36, 96, 96],
];

/** The products of two levels. */
export const cases: readonly KernelProblem[] = PRODUCTS.map((products) => ({
  name: products.join("x"),
  kernel: winogradGradWeight,
  shapes: { products, d_weight: [products[1], 3, 3, products[2]] },
  attributes: { adds: false },
}));
