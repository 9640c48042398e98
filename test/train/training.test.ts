// Training from end to end on a tiny rig: same bits twice, same bits after an interruption, one
// pass and one submit a step, no bytes gained.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { DataSource } from "../../src/data/data_source.ts";
import { evaluationRemarks } from "../../src/train/evaluation_words.ts";
import { summarize } from "../../src/train/summary.ts";
import { train, type TrainedRun, type TrainingRun } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const STEPS = 6;
const config = tinyConfig({ steps: STEPS, checkpoint_every: 3 });
let root = "";

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-training-"));
});
afterAll(() => rmSync(root, { recursive: true }));

async function run(name: string, more: Partial<TrainingRun> = {}): Promise<TrainedRun> {
  return await train({
    gpu,
    config,
    source: tinySource("train"),
    teacher: tinyTeacher,
    out: join(root, name),
    resume: false,
    ...more,
  });
}

const studentBytes = (name: string): Buffer =>
  readFileSync(join(root, name, "student.safetensors"));

test("one seed gives one file, another seed another", async () => {
  await (await run("first")).close();
  await (await run("second")).close();
  expect(studentBytes("second").equals(studentBytes("first"))).toBe(true);
  await (await run("other", { config: { ...config, seed: 1 } })).close();
  expect(studentBytes("other").equals(studentBytes("first"))).toBe(false);
});

// After step 2 there is no checkpoint of the schedule yet, after step 4 there is one.
test.each([2, 4])(
  "a run stopped after step %i and resumed equals the unbroken one",
  async (last) => {
    const name = `stopped_${last}`;
    const controller = new AbortController();
    const stopped = await run(name, {
      signal: controller.signal,
      // Results come a step late: the step after this one is under way.
      onStep: ({ step }) => {
        if (step === last - 1) controller.abort();
      },
    });
    await stopped.close();
    expect(stopped.interrupted).toBe(true);
    expect(stopped.steps).toBeLessThan(STEPS);
    const resumed = await run(name, { resume: true });
    await resumed.close();
    expect(resumed.interrupted).toBe(false);
    expect(resumed.folder.records.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(studentBytes(name).equals(studentBytes("first"))).toBe(true);
  },
);

test("a run resumes only with its own configuration", async () => {
  const other = { ...config, seed: 3 };
  await expect(run("first", { resume: true, config: other })).rejects.toThrow(
    "was written with another configuration",
  );
});

test("a run that the adapter cannot bind leaves nothing open", async () => {
  const before = gpu.memory.live_bytes;
  const { maxBufferSize } = gpu.limits;
  const limits = { maxBufferSize, maxStorageBufferBindingSize: 256 } as GPUSupportedLimits;
  await expect(run("too_large", { gpu: { ...gpu, limits } })).rejects.toThrow(
    /^images\[3, 32, 64, 4\]: 98304 bytes are more than the adapter binds at once \(256\)/,
  );
  expect(gpu.memory.live_bytes).toBe(before);
  // No checkpoint was written, so that the next run may begin in the same folder.
  await (await run("too_large")).close();
});

test("a step encodes one pass and submits once", async () => {
  const passes = vi.spyOn(GPUCommandEncoder.prototype, "beginComputePass");
  const submits = vi.spyOn(GPUQueue.prototype, "submit");
  const counts: [number, number][] = [];
  const steps = 5;
  const trained = await run("counted", {
    config: { ...config, steps, checkpoint_every: 100 },
    onStep: () => counts.push([passes.mock.calls.length, submits.mock.calls.length]),
  });
  await trained.close();
  passes.mockRestore();
  submits.mockRestore();
  // Results come a step late: at the first record two steps are submitted.
  const base = counts[0];
  const gained = counts.map(([p, s]) => [p - base[0], s - base[1]]);
  expect(gained).toEqual([0, 1, 2, 3, 3].map((n) => [n, n]));
});

test("live GPU bytes are flat over 200 steps", async () => {
  const supervised = tinyConfig({
    steps: 200,
    checkpoint_every: 1000,
    head: { kind: "softmax_bins", bins: 8 },
    loss: { ckd: false, relation: "none" },
  });
  const before = gpu.memory.live_bytes;
  const live = new Set<number>();
  const losses: number[] = [];
  const trained = await run("flat", {
    config: supervised,
    teacher: null,
    onStep: ({ loss }) => {
      live.add(gpu.memory.live_bytes);
      losses.push(loss);
    },
  });
  await trained.close();
  expect(live.size).toBe(1);
  expect(gpu.memory.live_bytes).toBe(before);
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  expect(mean(losses.slice(-20))).toBeLessThan(0.7 * mean(losses.slice(0, 20)));
});

test("a summary says what was trained on, and does without constants where a camera has no depth", async () => {
  const whole = tinySource("train");
  const source: DataSource = {
    ...whole,
    split: "held-out",
    sample: async (index, size) => {
      const sample = await whole.sample(index, size);
      const none = { ...size, pixels: new Uint32Array(0), depth_m: new Float32Array(0) };
      return { ...sample, groundTruth: [none, ...sample.groundTruth.slice(1)] };
    },
  };
  const trained = await run("trained_on", { source });
  const messages: string[] = [];
  const { evaluation, baseline, ratio, report } = await summarize({
    gpu,
    config,
    trained,
    source,
    heldOut: source,
    teacher: tinyTeacher,
    date: "today",
    onMessage: (message) => messages.push(message),
  });
  await trained.close();
  expect(evaluation).toMatchObject({ moments: 4, trained_on: 4 });
  expect([baseline, ratio]).toEqual([null, null]);
  expect(messages).toEqual([expect.stringContaining("camera CAM_FRONT has no true depth")]);
  expect(evaluationRemarks(evaluation)).toEqual([
    "the student was trained on these moments: it may be worse on new ones",
    "cameras without true depth in range, not in the mean of all: CAM_FRONT",
  ]);
  const html = readFileSync(report, "utf8");
  expect(html).toContain("4 of 4 moments were trained on; depths up to 80 m");
  expect(html).not.toContain("held-out");
  expect(html).not.toContain(">NaN<");
});

test("the summary evaluates, writes pictures and report, and changes nothing", async () => {
  const trained = await run("summed");
  const parameters = (await trained.store.read()).arenas.parameters;
  const heldOut = tinySource("held-out");
  const summary = await summarize({
    gpu,
    config,
    trained,
    source: tinySource("train"),
    heldOut,
    teacher: tinyTeacher,
    date: "today",
    onMessage: (message) => expect.fail(message),
  });
  expect((await trained.store.read()).arenas.parameters).toEqual(parameters);
  await trained.close();
  const { evaluation, baseline, ratio, report } = summary;
  expect(evaluation.result.images).toEqual(
    Object.fromEntries(heldOut.cameras.map(({ name }) => [name, heldOut.count])),
  );
  expect(ratio).toBe(evaluation.result.all.abs_rel / baseline!.all.abs_rel);
  const html = readFileSync(report, "utf8");
  for (const part of [
    "Surround panorama",
    "Metrics by camera",
    "Loss",
    "relation_grid",
    "4 held-out moments; ",
  ]) {
    expect(html).toContain(part);
  }
});
