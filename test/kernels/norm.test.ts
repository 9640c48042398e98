// Batch, group, instance and layer norm: kernels against their references, gradients against
// differences.
import {
  normApply,
  normGradChannel,
  normGradGroup,
  normGradInput,
  normGradPartial,
  normPartial,
  normRunning,
  normStatistics,
} from "../../src/kernels/norm.ts";
import { expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { apply } from "../../src/graph/apply.ts";
import { graph } from "../../src/graph/graph.ts";
import { batchNorm, groupNorm, layerNorm, normOps } from "../../src/graph/ops/norm.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  // statistics of x itself, of which normPartial is the first pass
  withOp(
    normPartial,
    ({ x, gamma, beta }, attributes) => {
      const { batches, groups, epsilon } = attributes;
      const [channels] = gamma.shape;
      if (x.shape.length < 4) return layerNorm(x, gamma, beta, { epsilon });
      if (batches !== 1 || groups !== channels) {
        return groupNorm(x, gamma, beta, { groups, epsilon });
      }
      const running_mean = x.graph.add("mean", [channels], { kind: "state", fill: 0.3 });
      const running_variance = x.graph.add("variance", [channels], { kind: "state", fill: 1.7 });
      const inputs = { x, gamma, beta, running_mean, running_variance };
      return batchNorm(inputs, { training: true, epsilon, momentum: 0.1 });
    },
    ["gamma", "beta"],
  ),
  normStatistics,
  normRunning,
  // given statistics, as batch norm in evaluation has them
  withOp(normApply, (inputs, attributes) => apply(normOps.norm_fixed, inputs, attributes)[0]),
  normGradPartial,
  normGradChannel,
  normGradGroup,
  normGradInput,
);

test("batch norm moves its running statistics by the momentum, variance unbiased", () => {
  const g = graph();
  const x = g.input("x", [1, 2, 2, 1]);
  const one = (name: string, value: number) => g.constant(name, [1], new Float32Array([value]));
  const y = batchNorm(
    {
      x,
      gamma: one("gamma", 1),
      beta: one("beta", 0),
      running_mean: g.state("mean", [1], 0),
      running_variance: g.state("variance", [1], 1),
    },
    { training: true, epsilon: 0, momentum: 0.1 },
  );
  const store = initialStore(g, 0);
  runOnCpu(g, { outputs: { y } }, store, { x: [1, 2, 3, 6] });
  expect(store.states.get("mean")![0]).toBeCloseTo(0.3, 12); // 0.1 * 3
  expect(store.states.get("variance")![0]).toBeCloseTo(0.9 + 0.1 * (14 / 3), 12);
});
