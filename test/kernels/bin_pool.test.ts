// Pooled binomial probabilities: against their references, their gradients, and against the stored
// form, whose tensors no plan with this one holds.
import { expect, test } from "vitest";
import { reshape } from "../../src/graph/apply.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { lower } from "../../src/graph/lower.ts";
import { binPool } from "../../src/graph/ops/bin_pool.ts";
import { logBinomial } from "../../src/graph/ops/log_binomial.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import { unary } from "../../src/graph/ops/unary.ts";
import { maskedPool } from "../../src/graph/ops/view_relation.ts";
import type { Value } from "../../src/graph/value.ts";
import type { Distribution } from "../../src/engine/problem.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import {
  binPool as binPoolKernel,
  binPoolGrad,
  binPoolNarrow,
  binPoolSubgroup,
} from "../../src/kernels/depth_bins/bin_pool.ts";
import { size } from "../../src/tensor/shape.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(
  withOp(
    binPoolKernel,
    ({ pi, t, centers, mask }, attributes) => binPool({ pi, t, centers, mask }, attributes),
    ["pi", "t", "centers"],
  ),
  binPoolSubgroup,
  binPoolNarrow,
  binPoolGrad,
);

const DATA: Readonly<Record<string, Distribution>> = {
  pi: { kind: "uniform", low: 0.05, high: 0.95 },
  t: { kind: "uniform", low: 0.5, high: 5 },
  mask: { kind: "mask", share: 0.7 },
};
const [V, H, W, K] = [2, 9, 14, 16];
interface Pooled {
  readonly g: Graph;
  readonly outputs: Record<"tokens" | "d_pi" | "d_t", Value>;
}
function pooled(form: "fused" | "stored"): Pooled {
  const g = graph();
  const [pi, t, mask] = ["pi", "t", "mask"].map((name) => g.input(name, [V, H, W, 1]));
  const grid = [3, 4] as const;
  const tokens =
    form === "fused"
      ? binPool({ pi, t, centers: g.input("centers", [1, 1, 1, K]), mask }, { grid })
      : maskedPool(softmaxBins(logBinomial(pi, t, { bins: K })), mask, { grid });
  const [d_pi, d_t] = [pi, t].map((value) => g.gradients(squares(tokens), [value]).get(value)!);
  return { g, outputs: { tokens, d_pi, d_t } };
}

test("equals the stored form, and so does its gradient", () => {
  const [fused, stored] = (["fused", "stored"] as const).map((form) => {
    const { g, outputs } = pooled(form);
    const inputs = Object.fromEntries(
      g.inputs.map(({ name, shape }, i) => [name, draw(shape, DATA[name] ?? DATA["pi"], i)]),
    );
    return runOnCpu(g, { outputs }, initialStore(g, 1), inputs);
  });
  for (const name of ["tokens", "d_pi", "d_t"]) {
    fused[name].forEach((v, i) => expect(v, name).toBeCloseTo(stored[name][i], 7));
  }
});

test("a plan with it holds no tensor of all bins of all pixels", () => {
  const largest = (form: "fused" | "stored"): number => {
    const { g, outputs } = pooled(form);
    const { calls } = lower(g, Object.values(outputs), gpu.facts);
    return Math.max(
      ...calls.flatMap(({ bindings }) => Object.values(bindings).map(({ shape }) => size(shape))),
    );
  };
  expect(largest("fused")).toBeLessThan(V * H * W * K);
  expect(largest("stored")).toBe(V * H * W * K);
});

test("a mask of another size is refused", () => {
  const g = graph();
  const [pi, t] = [g.input("pi", [1, 2, 3, 1]), g.input("t", [1, 2, 3, 1])];
  const given = {
    pi,
    t,
    centers: g.input("centers", [1, 1, 1, 4]),
    mask: g.input("m", [1, 3, 3, 1]),
  };
  expect(() => binPool(given, { grid: [1, 1] })).toThrow("mask is [1, 3, 3, 1]");
});

/** Sum of the squares of a tensor, `[1]`. */
function squares(x: Value): Value {
  return reshape(reduce(unary(x, "square"), "sum"), [1]);
}
