// A step of a small graph measured on the adapter of the tests: marks in order, a trace that is
// valid, parameters as they were, no bytes kept.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { encodeTrace } from "../../../src/formats/chrome_trace.ts";
import { hasTimestamps } from "../../../src/gpu/timestamps.ts";
import { initialStore } from "../../../src/graph/cpu_store.ts";
import { graph } from "../../../src/graph/graph.ts";
import { heNormal } from "../../../src/graph/initializers.ts";
import { relu } from "../../../src/graph/ops/activation.ts";
import { adamw, gradNorm } from "../../../src/graph/ops/adamw.ts";
import { linear } from "../../../src/graph/ops/gemm.ts";
import { reduce } from "../../../src/graph/ops/reduce.ts";
import { compile } from "../../../src/graph/plan.ts";
import { createStore } from "../../../src/graph/store.ts";
import { kernels } from "../../../src/kernels/kernels.ts";
import { stepAccount } from "../../../src/profile/step/account.ts";
import type { ProfiledStep } from "../../../src/profile/step/marks.ts";
import { measureStep, wrongKernels, type StepRun } from "../../../src/profile/step/step_run.ts";
import { stepTrace } from "../../../src/profile/step/trace.ts";
import { gpu } from "../../support/gpu.ts";
import { readTrace, traceFaults } from "../../support/trace_faults.ts";

const SCALARS = { learning_rate: 1e-3, correction1: 1, correction2: 1 };

/** A step that trains one linear layer; `collected` is told the loss of each. */
async function smallStep(
  overlaps: boolean,
  collected: number[],
): Promise<ProfiledStep & { destroy: () => void }> {
  const g = graph();
  const weight = g.parameter("weight", [8, 8], heNormal);
  const y = relu(linear(g.input("x", [16, 8]), weight, null));
  const loss = reduce(y, "mean");
  const gradients = g.gradients(loss);
  const norm = gradNorm(g.arena("gradients"), { max_norm: 1 });
  adamw(g, norm, { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0 });
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, { outputs: { loss }, gradients }, store);
  return {
    target: "step:train",
    what: "small",
    plan,
    store,
    moments: 2,
    overlaps,
    prepare: async (step) => {
      await Promise.resolve();
      return { inputs: { x: new Float32Array(128).fill(1 + step) }, scalars: SCALARS };
    },
    collect: (_, outputs) => collected.push(outputs["loss"][0]),
    destroy: () => {
      plan.destroy();
      store.destroy();
    },
  };
}

describe.skipIf(!hasTimestamps(gpu)).each([true, false])("a step, overlapping: %s", (overlaps) => {
  const STEPS = 6;
  const losses: number[] = [];
  const bytesBefore = gpu.memory.live_bytes;
  let step: Awaited<ReturnType<typeof smallStep>>;
  let run: StepRun;
  let before: Float64Array;

  beforeAll(async () => {
    step = await smallStep(overlaps, losses);
    before = (await step.store.read()).arenas.parameters;
    run = await measureStep(gpu, step, STEPS, () => undefined);
  });
  afterAll(() => {
    step.destroy();
    expect(gpu.memory.live_bytes).toBe(bytesBefore);
  });

  test("every kind of step was run, each loss collected, and trained on", () => {
    const dispatches = step.plan.dispatches.length;
    expect(run.plain.map(({ passes }) => passes.length)).toEqual(Array(STEPS).fill(0));
    expect(run.stamped.map(({ passes }) => passes.length)).toEqual(Array(STEPS).fill(1));
    expect(run.split.map(({ passes }) => passes.length)).toEqual(Array(STEPS).fill(dispatches));
    const warmUp = 4;
    expect(losses).toHaveLength(warmUp + 3 * STEPS + run.shown.length + run.loop.length);
    // Some of them ran with the parameters of others: training moved them.
    expect(new Set(losses).size).toBeGreaterThan(STEPS);
  });

  test("parts follow each other, and passes lie between submit and the numbers", () => {
    for (const { begin_ms, end_ms, parts, passes } of run.stamped) {
      const { prepare, upload, encode, submit, read, collect } = parts;
      const order = [prepare, upload, encode, submit, read, collect];
      const times = [begin_ms, ...order.flatMap((span) => [span.begin_ms, span.end_ms]), end_ms];
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      const slack_ms = run.clock.uncertainty_ms;
      expect(run.clock.at_ms(passes[0].begin_ns)).toBeGreaterThan(submit.begin_ms - slack_ms);
      expect(run.clock.at_ms(passes[0].end_ns)).toBeLessThan(read.end_ms + slack_ms);
    }
  });

  test("the account holds every kernel", () => {
    const account = stepAccount(step, run, 1, null);
    const counted = account.kernels.reduce((sum, { dispatches }) => sum + dispatches, 0);
    expect(counted).toBe(step.plan.dispatches.length);
    expect(account.parts.map(({ name }) => name)).toContain("read back");
    expect(account.unaccounted).toBeLessThan(1);
  });

  test("the trace is valid and has each dispatch with its arrow and its memory", () => {
    const events = readTrace(encodeTrace(stepTrace(step.plan.dispatches, run)));
    expect(traceFaults(events)).toEqual([]);
    const dispatches = step.plan.dispatches.map(({ kernel, op, cost, live_bytes }) => ({
      kernel,
      args: { op, flops: cost.flops, bytes: cost.bytes },
      live_bytes,
    }));
    const timed = events.filter(({ ph, args }) => ph === "X" && args?.["op"] !== undefined);
    expect(timed.map(({ name }) => name)).toEqual(dispatches.map(({ kernel }) => kernel));
    timed.forEach(({ args }, i) => expect(args).toMatchObject(dispatches[i].args));
    const intermediates = events.flatMap(({ ph, args }) =>
      ph === "C" && args?.["intermediates"] !== undefined ? [args["intermediates"]] : [],
    );
    expect(intermediates).toEqual([...dispatches.map(({ live_bytes }) => live_bytes), 0]);
    // Three steps by themselves and four of the loop have one arrow each.
    expect(events.filter(({ ph }) => ph === "s")).toHaveLength(7 + dispatches.length);
    const names = events.filter(({ ph }) => ph === "X").map(({ name }) => name);
    for (const name of ["host: prepare", "upload", "encode", "submit", "read back"]) {
      expect(names).toContain(name);
    }
  });

  test("the store is put back", async () => {
    expect((await step.store.read()).arenas.parameters).toEqual(before);
  });
});

test("a kernel that does not equal its reference is named", async () => {
  const scaleBy = kernels.find(({ shader }) => shader.name === "scale_by")!;
  const dispatches = [1, 2].map(() => ({ call: { kernel: scaleBy } }) as never);
  const lines: string[] = [];
  const right = await wrongKernels(gpu, dispatches, (line) => lines.push(line));
  expect(right).toEqual([]);
  expect(lines).toEqual(["checking kernel 1/1: scale_by"]);
  const wrong = vi.spyOn(scaleBy, "reference").mockReturnValue({});
  const errors = await wrongKernels(gpu, dispatches, () => undefined);
  wrong.mockRestore();
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatch(/^scale_by, case .* the reference does not return y/);
});
