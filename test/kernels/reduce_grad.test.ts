// Gradients of folds against their references; central differences are in reduce.test.ts.
import { expect, test } from "vitest";
import { reduceGrad, reduceGradProduct } from "../../src/kernels/reduce_grad.ts";
import { runKernel } from "../../src/engine/run.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(reduceGrad, reduceGradProduct);

test("each of several equal maxima takes the whole gradient", async () => {
  const inputs = { x: Float32Array.of(7, 7, -1), y: Float32Array.of(7), d_y: Float32Array.of(2) };
  const shapes = { x: [3], y: [1], d_y: [1] };
  const { d_x } = await runKernel(gpu, reduceGrad, inputs, shapes, { kind: "max", axes: [0] });
  expect([...d_x]).toEqual([2, 2, 0]);
});

test("the gradient of a product is exact with no, one and two zeros", async () => {
  const inputs = {
    x: Float32Array.of(2, 3, 4, 2, 0, 4, 0, 3, 0),
    d_y: Float32Array.of(1, 10, 100),
  };
  const shapes = { x: [3, 3], d_y: [3] };
  const { d_x } = await runKernel(gpu, reduceGradProduct, inputs, shapes, { axes: [1] });
  expect([...d_x]).toEqual([12, 8, 6, 0, 80, 0, 0, 0, 0]);
});
