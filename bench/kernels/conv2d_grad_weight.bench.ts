// Gradients of the student's convolutions with respect to their weight.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { conv2dOutputSize } from "../../src/kernels/convolution/conv2d_geometry.ts";
import { conv2dGradWeight } from "../../src/kernels/convolution/conv2d_grad_weight.ts";
import { problems } from "./conv2d.bench.ts";

/** Partial sums of d_weight of every problem of conv2d. */
export const cases: readonly KernelProblem[] = problems.map(({ name, x, weight, attributes }) => {
  const kernel = [weight[1], weight[2]] as const;
  const out = conv2dOutputSize([x[1], x[2]], kernel, attributes);
  return {
    name,
    kernel: conv2dGradWeight,
    shapes: { x, d_y: [x[0], ...out, weight[0]] },
    attributes: { ...attributes, kernel },
  };
});
