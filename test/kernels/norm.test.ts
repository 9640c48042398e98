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
import { graph } from "../../src/graph/graph.ts";
import { batchNorm, groupNorm, layerNorm } from "../../src/graph/ops/norm.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  normPartial,
  normStatistics,
  normRunning,
  normApply,
  normGradPartial,
  normGradChannel,
  normGradGroup,
  normGradInput,
);

checkGradient("group norm", (g) => {
  const wrt = [g.input("x", [2, 3, 5, 6]), g.input("gamma", [6]), g.input("beta", [6])] as const;
  return { output: groupNorm(...wrt, { groups: 2, epsilon: 1e-3 }), wrt };
});
checkGradient("layer norm", (g) => {
  const wrt = [g.input("x", [3, 7]), g.input("gamma", [7]), g.input("beta", [7])] as const;
  return { output: layerNorm(...wrt, { epsilon: 1e-3 }), wrt };
});
// enough slabs of pixels, and rows, that their sums take passes of their own
checkGradient("group norm, many slabs", (g) => {
  const wrt = [
    g.input("x", [1, 33, 17, 16]),
    g.input("gamma", [16]),
    g.input("beta", [16]),
  ] as const;
  return { output: groupNorm(...wrt, { groups: 1, epsilon: 1e-3 }), wrt };
});
checkGradient("layer norm, many rows", (g) => {
  const wrt = [g.input("x", [259, 3]), g.input("gamma", [3]), g.input("beta", [3])] as const;
  return { output: layerNorm(...wrt, { epsilon: 1e-3 }), wrt };
});
for (const training of [true, false]) {
  checkGradient(`batch norm, ${training ? "training" : "evaluation"}`, (g) => {
    const x = g.input("x", [2, 3, 3, 4]);
    const [gamma, beta] = [g.input("gamma", [4]), g.input("beta", [4])];
    const running_mean = g.state("mean", [4], 0.3);
    const running_variance = g.state("variance", [4], 1.7);
    return {
      output: batchNorm(
        { x, gamma, beta, running_mean, running_variance },
        { training, epsilon: 1e-3, momentum: 0.1 },
      ),
      wrt: [x, gamma, beta],
    };
  });
}

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
