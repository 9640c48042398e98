// Resampling against its references, published values and its own adjoint.
import { expect, test } from "vitest";
import {
  resizeBilinear as bilinearOp,
  resizeNearest as nearestOp,
} from "../../src/graph/ops/resize.ts";
import {
  resizeBilinear,
  resizeBilinearGrad,
  resizeBilinearGradVec4,
  resizeBilinearVec4,
  resizeNearest,
  resizeNearestGrad,
  resizeNearestGradVec4,
  resizeNearestVec4,
} from "../../src/kernels/resize.ts";
import { runKernel } from "../../src/engine/run.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(
  withOp(resizeNearest, ({ x }, { size, corners, rounding }) =>
    nearestOp(x, size, corners, rounding),
  ),
  resizeNearestVec4,
  resizeNearestGrad,
  resizeNearestGradVec4,
  withOp(resizeBilinear, ({ x }, { size, corners }) => bilinearOp(x, size, corners)),
  resizeBilinearVec4,
  resizeBilinearGrad,
  resizeBilinearGradVec4,
);

test("a linear ramp stays a linear ramp between aligned corners", async () => {
  const x = Float32Array.of(0, 1, 2, 3);
  const attributes = { size: [1, 7], corners: "align" } as const;
  const { y } = await runKernel(gpu, resizeBilinear, { x }, { x: [1, 1, 4, 1] }, attributes);
  expect([...y]).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3]);
});

test("half-pixel doubling weighs neighbours by 3/4 and 1/4 and repeats the border", async () => {
  const x = Float32Array.of(0, 4, 8);
  const attributes = { size: [1, 6], corners: "half_pixel" } as const;
  const { y } = await runKernel(gpu, resizeBilinear, { x }, { x: [1, 1, 3, 1] }, attributes);
  expect([...y]).toEqual([0, 1, 3, 5, 7, 8]);
});

test("nearest takes floor(o n / m) at every size, where f32 coordinates would slip", async () => {
  for (const [n, m] of [
    [3, 123],
    [41, 123],
    [100, 3],
    [49, 7],
  ] as const) {
    const x = Float32Array.from({ length: n }, (_, i) => i);
    const attributes = { size: [1, m], corners: "asymmetric", rounding: "floor" } as const;
    const { y } = await runKernel(gpu, resizeNearest, { x }, { x: [1, 1, n, 1] }, attributes);
    expect([...y]).toEqual(
      Array.from({ length: m }, (_, o) => Number((BigInt(o) * BigInt(n)) / BigInt(m))),
    );
  }
});

test("sizes that cannot be resampled are refused with their numbers", () => {
  const attributes = { size: [2, 2], corners: "align" } as const;
  expect(() => resizeBilinear.shapes({ x: [1, 0, 3, 1] }, attributes)).toThrow(
    "no pixels to make 2 of",
  );
  expect(() => resizeBilinear.shapes({ x: [3, 3] }, attributes)).toThrow("must be [V, H, W, C]");
});
