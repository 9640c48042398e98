// Gradients of the student's convolutions with respect to their input.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { conv2dOutputSize } from "../../src/kernels/convolution/conv2d_geometry.ts";
import { conv2dGradInput } from "../../src/kernels/convolution/conv2d_grad_input.ts";
import { problems } from "./conv2d.bench.ts";

/** d_x of every problem of conv2d. */
export const cases: readonly KernelProblem[] = problems.map(({ name, x, weight, attributes }) => {
  const input = [x[1], x[2]] as const;
  const out = conv2dOutputSize(input, [weight[1], weight[2]], attributes);
  return {
    name,
    kernel: conv2dGradInput,
    shapes: { d_y: [x[0], ...out, weight[0]], weight, bias: [0] },
    attributes: { ...attributes, input, slices: 1 },
  };
});
