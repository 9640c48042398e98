// Tuning a whole step on the adapter: its problems, what is written of them, and that it leaves no
// trace. What wins is the adapter's affair.
import { describe, expect, test } from "vitest";
import { hasTimestamps } from "../../src/gpu/timestamps.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { heNormal } from "../../src/graph/initializers.ts";
import { relu } from "../../src/graph/ops/activation.ts";
import { adamw, gradNorm } from "../../src/graph/ops/adamw.ts";
import { linear } from "../../src/graph/ops/gemm.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { unary } from "../../src/graph/ops/unary.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Tuning } from "../../src/engine/tuning.ts";
import { prepareBench } from "../../src/measure/measure.ts";
import { differenceOf, openStep, type Step } from "../../src/tune/step_pair.ts";
import { problemKeys, stepProblems } from "../../src/tune/step_problems.ts";
import { tuneStep } from "../../src/tune/tune_step.ts";
import { emptyTuning } from "../../src/tune/tuning_file.ts";
import { gpu } from "../support/gpu.ts";

const SETTINGS = { time_s: 0.01, min_samples: 3, noise: 1, timeout_s: 0.1 };
const ROWS = 64;
const WIDTH = 32;

/** A training step of two layers, one of them used twice. */
function smallStep(): Step {
  const g = graph();
  const x = g.input("x", [ROWS, WIDTH]);
  const weight = g.parameter("weight", [WIDTH, WIDTH], heNormal);
  const hidden = relu(linear(relu(linear(x, weight, null)), weight, null));
  const loss = reduce(unary(hidden, "square"), "mean");
  const gradients = g.gradients(loss);
  const norm = gradNorm(g.arena("gradients"), { max_norm: 1 });
  adamw(g, norm, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 });
  return {
    name: "small",
    graph: g,
    request: { outputs: { loss, norm }, gradients },
    store: createStore(gpu, g, initialStore(g, 1)),
    inputs: { x: Float32Array.from({ length: ROWS * WIDTH }, (_, i) => Math.sin(i)) },
    scalars: { learning_rate: 0.01, correction1: 10, correction2: 1000 },
  };
}

describe.skipIf(!hasTimestamps(gpu))("a step", () => {
  test("is swept problem by problem, and its store and memory are as before", async () => {
    const bench = await prepareBench(gpu, 1, SETTINGS, false);
    const before = gpu.memory.live_bytes;
    const step = smallStep();
    const stored = await step.store.read();
    const lines: string[] = [];
    const progress = (line: string): number => lines.push(line);
    const options = { budget_s: 300, steps: SETTINGS, progress };
    const first = await tuneStep(bench, step, { ...options, known: null });
    expect(await step.store.read()).toEqual(stored);
    expect(first.left).toEqual({ problems: 0, share: 0 });
    const opened = await openStep(bench, step, SETTINGS);
    const keys = problemKeys(opened.rule.dispatches.map(({ call }) => call));
    opened.close();
    expect(first.problems.length).toBeGreaterThan(2);
    for (const { problem, swept, entry } of first.problems) {
      expect(keys.has(problem), problem).toBe(true);
      expect(swept!.rows.map(({ error }) => error).join("")).toBe("");
      expect(swept!.rows.length).toBeGreaterThan(1);
      expect(entry!.problem).toBe(problem);
      expect(entry!.reason === "faster").toBe(
        entry!.kernel !== entry!.rule || hasConstants(entry!),
      );
    }
    const kept = first.problems.filter(({ entry }) => entry!.reason === "faster");
    expect(first.tuned?.choices ?? 0).toBe(kept.length);
    expect(lines.length).toBeGreaterThan(first.problems.length);

    // What is known is not swept again, whatever was found; problems that take little of the step
    // may count one time and not another.
    const entries = first.problems.map(({ entry }) => ({
      ...entry!,
      kernel: entry!.rule,
      constants: {},
      reason: "rule" as const,
    }));
    const known = { ...emptyTuning(gpu.facts), entries };
    const again = await tuneStep(bench, step, { ...options, known });
    const old = again.problems.filter(({ problem }) => entries.some((e) => e.problem === problem));
    expect(old.length).toBeGreaterThan(2);
    expect(old.filter(({ swept }) => swept !== null)).toEqual([]);
    step.store.destroy();
    bench.destroy();
    expect(gpu.memory.live_bytes).toBe(before);
  });

  test("without the time for it is left as it is, and says how much is left", async () => {
    const bench = await prepareBench(gpu, 1, SETTINGS, false);
    const step = smallStep();
    const options = { budget_s: 1e-9, steps: SETTINGS, known: null, progress: () => undefined };
    const { problems, left, tuned } = await tuneStep(bench, step, options);
    expect({ problems, tuned }).toEqual({ problems: [], tuned: null });
    expect(left.problems).toBeGreaterThan(2);
    expect(left.share).toBeLessThanOrEqual(1 + 1e-9);
    step.store.destroy();
    bench.destroy();
  });

  test("is compared with itself under other choices, once for each two", async () => {
    const bench = await prepareBench(gpu, 1, SETTINGS, false);
    const step = smallStep();
    const opened = await openStep(bench, step, SETTINGS);
    const calls = opened.rule.dispatches.map(({ call }) => call);
    const problems = stepProblems(
      calls,
      calls.map(() => 1),
    );
    const { key, base } = problems.find(({ base: { shader } }) => shader.name === "gemm")!;
    const rule = calls.find((call) => call.base === base)!.kernel.shader.name;
    const other = rule === "gemm_register" ? "gemm" : "gemm_register";
    const tuning: Tuning = new Map([[key, { rule, kernel: other, constants: {} }]]);
    const compared = await opened.compare(new Map(), tuning, 0.03);
    expect(compared.difference).toBe("");
    expect(compared.pairs).toBeGreaterThanOrEqual(3);
    expect(await opened.compare(new Map(), tuning, 0.03)).toBe(compared);
    opened.close();
    step.store.destroy();
    bench.destroy();
  });
});

test("results that differ by more than rounding are told by output and place", () => {
  const want = { loss: Float32Array.of(2), depth: Float32Array.of(1, 100, NaN) };
  const near = { loss: Float32Array.of(2.001), depth: Float32Array.of(1.05, 100, NaN) };
  expect(differenceOf(want, near)).toBe("");
  const off = { ...near, depth: Float32Array.of(1.5, 100, NaN) };
  expect(differenceOf(want, off)).toBe("depth[0] is 1.5, by rule 1");
  expect(differenceOf(want, { ...near, loss: Float32Array.of(NaN) })).toBe(
    "loss[0] is NaN, by rule 2",
  );
});

function hasConstants({ constants }: { readonly constants: object }): boolean {
  return Object.keys(constants).length > 0;
}
