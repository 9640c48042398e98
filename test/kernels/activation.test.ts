// Elementwise non-linearities against their references, and their gradients.
import { expect, test } from "vitest";
import { canRun } from "../../src/engine/mapping.ts";
import { runKernel } from "../../src/engine/run.ts";
import {
  elu,
  gelu,
  leakyRelu,
  relu,
  sigmoid,
  softplus,
  tanh,
} from "../../src/graph/ops/activation.ts";
import type { Value } from "../../src/graph/value.ts";
import {
  activation,
  activationGrad,
  activationGradSubgroup,
  activationGradVec4,
  activationSubgroup,
  activationVec4,
  type Activation,
} from "../../src/kernels/activation.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

const ops: Record<Activation, (x: Value, alpha: number) => Value> = {
  relu,
  leaky_relu: leakyRelu,
  elu,
  gelu,
  sigmoid,
  softplus,
  tanh,
};
checkKernels(
  withOp(activation, ({ x }, { kind, alpha }) => ops[kind](x, alpha)),
  activationVec4,
  activationSubgroup,
  activationGrad,
  activationGradVec4,
  activationGradSubgroup,
);

// far below the tolerance of kernels: few roundings of a number that falls to 1e-6
test("gelu keeps the digits of its lower tail, in every mapping with the same bits", async () => {
  // -6 to 2; the last lanes of a subgroup have one vector of a pair
  const x = Float32Array.from({ length: 40_044 }, (_, i) => (i - 30_000) / 5000);
  const attributes = { kind: "gelu", alpha: 0 } as const;
  const shapes = { x: [x.length] };
  const want = activation.reference({ x: Float64Array.from(x) }, shapes, attributes).y;
  const { y } = await runKernel(gpu, activation, { x }, shapes, attributes);
  let [above, below, beyond] = [0, 0, 0];
  for (const [i, v] of x.entries()) {
    const error = Math.abs(y[i] - want[i]);
    if (v >= 0) above = Math.max(above, error / Math.max(1, v));
    else if (v >= -5) below = Math.max(below, error / Math.abs(want[i]));
    else beyond = Math.max(beyond, error);
  }
  expect(above).toBeLessThan(3e-7);
  expect(below).toBeLessThan(4e-6);
  expect(beyond).toBeLessThan(1e-10);
  for (const mapping of [activationVec4, activationSubgroup]) {
    if (!canRun(mapping, gpu.facts, shapes, attributes)) continue;
    expect(await runKernel(gpu, mapping, { x }, shapes, attributes)).toEqual({ y });
  }
});
