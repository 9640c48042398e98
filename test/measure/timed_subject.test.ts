// Times for programs: of a kernel, of a plan, with and without a flush, by either clock.
import { expect, test } from "vitest";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { relu } from "../../src/graph/ops/activation.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { scaleBy } from "../../src/kernels/scale_by.ts";
import { measure, type Measured } from "../../src/measure/timed_subject.ts";
import { InputError } from "../../src/tensor/error.ts";
import { gpu } from "../support/gpu.ts";

const problem = { name: "one", shapes: { x: [50_000], scalars: [64] }, attributes: { slot: 1 } };
const quick = { time_s: 0.05, timeout_s: 0.2, min_samples: 4 };

function expectTime(found: Measured, clock: Measured["clock"]): void {
  expect(found.clock).toBe(clock);
  expect(found.median_ms).toBeGreaterThan(0);
  expect(found.low_ms).toBeLessThanOrEqual(found.median_ms);
  expect(found.high_ms).toBeGreaterThanOrEqual(found.median_ms);
  expect(found.samples_ms.length).toBeGreaterThanOrEqual(4);
}

test("a kernel is checked, then timed, hot and after a flush", async () => {
  const hot = await measure(
    gpu,
    { kernel: scaleBy, problem },
    { ...quick, quantiles: [0, 0.5, 1] },
  );
  expectTime(hot, "gpu");
  expect(hot.checked).toBe(true);
  expect(hot.flops).toBe(50_000);
  expect(hot.quantiles_ms).toEqual(hot.quantiles_ms.toSorted((a, b) => a - b));
  expect(hot.quantiles_ms[2]).toBe(Math.max(...hot.samples_ms));
  const cold = await measure(gpu, { kernel: scaleBy, problem }, { ...quick, flush: true });
  expectTime(cold, "gpu");
  expect(cold.batch).toBe(1);
});

test("a plan is timed whole, also by the host's clock where the GPU has none", async () => {
  const g = graph();
  const y = relu(relu(g.input("x", [4096])));
  const store = createStore(gpu, g, initialStore(g, 0));
  const plan = await compile(gpu, g, { outputs: { y } }, store);
  const inputs = { x: new Float32Array(4096) };
  const found = await measure(gpu, { plan, inputs }, quick);
  expectTime(found, "gpu");
  expect(found.checked).toBe(false);
  expect(found.bytes).toBe(plan.dispatches.reduce((sum, { cost }) => sum + cost.bytes, 0));
  const facts = { ...gpu.facts, features: new Set<string>() };
  const blind = Object.create(gpu, { facts: { value: facts } }) as typeof gpu;
  expectTime(await measure(blind, { plan, inputs }, quick), "host");
  plan.destroy();
  store.destroy();
});

test("what is no option, no quantile and no subject is refused", async () => {
  const refused = async (options: object, why: string): Promise<void> => {
    await expect(measure(gpu, { kernel: scaleBy, problem }, options)).rejects.toThrow(why);
  };
  await refused({ warmup: 3 }, "measure: unknown option warmup");
  await refused({ time_s: "1" }, "time_s is 1; expected a finite number");
  await refused({ quantiles: [2] }, "quantile 2");
  await expect(measure(gpu, {} as never)).rejects.toThrow(InputError);
});
