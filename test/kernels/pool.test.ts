// Pooling against its references and by hand, and its gradients.
import { expect, test } from "vitest";
import { averagePool, maxPool, type PoolOptions } from "../../src/graph/ops/pool.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import {
  poolAverage,
  poolAverageGrad,
  pooledSize,
  poolMax,
  poolMaxGrad,
  type PoolAttributes,
} from "../../src/kernels/pool.ts";
import { runKernel } from "../../src/engine/run.ts";
import { withOp } from "../support/check_gradient.ts";
import type { Value } from "../../src/graph/value.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

/** The options that give a problem's windows. */
function optionsOf({ shape }: Value, attributes: PoolAttributes): PoolOptions {
  const { window, stride, dilation, padding, size } = attributes;
  const [top, bottom, left, right] = padding;
  const floor = [
    pooledSize(shape[1], window[0], stride[0], [top, bottom], dilation[0], false),
    pooledSize(shape[2], window[1], stride[1], [left, right], dilation[1], false),
  ];
  const ceil = floor.some((count, axis) => count !== size[axis]);
  return { window, stride, dilation, pad: padding, ceil };
}

checkKernels(
  withOp(poolMax, ({ x }, attributes) => maxPool(x, optionsOf(x, attributes))),
  poolMaxGrad,
  withOp(poolAverage, ({ x }, { countPadding, ...windows }) =>
    averagePool(x, optionsOf(x, windows), countPadding),
  ),
  poolAverageGrad,
);

test("of equal maxima the first in row-major order takes the gradient", async () => {
  const attributes = {
    window: [2, 2],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [0, 0, 0, 0],
    size: [1, 2],
  } as const;
  const inputs = {
    x: Float32Array.of(0, 5, 5, 5, 1, 5),
    y: Float32Array.of(5, 5),
    d_y: Float32Array.of(3, 4),
  };
  const shapes = { x: [1, 2, 3, 1], y: [1, 1, 2, 1], d_y: [1, 1, 2, 1] };
  const { d_x } = await runKernel(gpu, poolMaxGrad, inputs, shapes, attributes);
  expect([...d_x]).toEqual([0, 7, 0, 0, 0, 0]);
});

test("a mean counts the taps in the image, or those in image and padding", () => {
  const g = graph();
  const x = g.constant("x", [1, 2, 2, 1], Float32Array.of(1, 2, 3, 6));
  const option = { window: 3, stride: 3, pad: 1, ceil: true };
  const outputs = { inside: averagePool(x, option), padded: averagePool(x, option, true) };
  const got = runOnCpu(g, { outputs }, initialStore(g, 1), {});
  // a second window would start in the padding
  expect([...got["inside"]]).toEqual([3]);
  expect(got["padded"][0]).toBeCloseTo(12 / 9, 12);
});

test("windows are counted as PyTorch counts them", () => {
  expect(pooledSize(112, 3, 2, [1, 1], 1, false)).toBe(56);
  expect(pooledSize(4, 3, 2, [0, 0], 1, false)).toBe(1);
  expect(pooledSize(4, 3, 2, [0, 0], 1, true)).toBe(2);
  expect(pooledSize(2, 3, 3, [1, 1], 1, true)).toBe(1);
  expect(pooledSize(1, 3, 1, [0, 0], 1, false)).toBe(0);
});
