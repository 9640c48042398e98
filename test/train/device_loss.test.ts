// A device that is lost in training or evaluation: the run goes on from the last state in memory on
// a fresh one, to the same bits; after three tries in a row it stops with one clear line.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Gpu } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { DeviceLostError } from "../../src/gpu/errors.ts";
import { InputError } from "../../src/tensor/error.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { runPaths } from "../../src/train/run_folder.ts";
import { train, type TrainedRun, type TrainingRun } from "../../src/train/trainer.ts";
import { tinyConfig, tinySource } from "./tiny.ts";

const STEPS = 7;
const config = tinyConfig({
  steps: STEPS,
  checkpoint_every: 3,
  head: { kind: "softmax_bins", bins: 8 },
  loss: { ckd: false, relation: "none" },
});
const root = mkdtempSync(join(tmpdir(), "ringdepth-loss-"));
const devices: Gpu[] = [];
const fresh = async (): Promise<Gpu> => {
  const gpu = await openGpu({ validation: true });
  devices.push(gpu);
  return gpu;
};
afterAll(() => {
  for (const gpu of devices) gpu.close();
  rmSync(root, { recursive: true });
});

/** Trains on a device of its own; `told` takes the messages. */
async function run(
  name: string,
  more: Partial<TrainingRun> = {},
  told: string[] = [],
): Promise<TrainedRun> {
  return await train({
    gpu: await fresh(),
    reopen: fresh,
    config,
    source: tinySource("train"),
    teacher: null,
    out: join(root, name),
    resume: false,
    onMessage: (message) => told.push(message),
    ...more,
  });
}

const lose = (): void => devices.at(-1)!.device.destroy();
const studentOf = (name: string): Buffer => readFileSync(runPaths(join(root, name)).student);
const stepsOf = (name: string): number[] =>
  readFileSync(runPaths(join(root, name)).metrics, "utf8")
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { step: number }).step);

test("lost at each of a few steps, a run ends at the same bits with each step recorded once", async () => {
  await (await run("unbroken")).close();
  const random = randomStream(3);
  for (const name of ["lost_1", "lost_2"]) {
    const at = 1 + Math.floor((STEPS - 1) * random.uniform());
    let isLost = false;
    const told: string[] = [];
    const trained = await run(
      name,
      {
        onStep: ({ step }) => {
          if (step === at && !isLost) lose();
          isLost ||= step === at;
        },
      },
      told,
    );
    await trained.close();
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(
      /^the device was lost \(destroyed\); continuing after step \d on a fresh device, try 1 of 3$/,
    );
    expect(studentOf(name).equals(studentOf("unbroken"))).toBe(true);
    expect(stepsOf(name)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  }
});

test("lost after training, the student is put on a fresh device", async () => {
  const trained = await run("evaluated");
  const before = (await trained.store.read()).arenas.parameters;
  lose();
  const error: unknown = await trained.store.read().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DeviceLostError);
  await trained.recover(error);
  expect(trained.gpu).toBe(devices.at(-1));
  expect((await trained.store.read()).arenas.parameters).toEqual(before);
  const other = new InputError("a moment that is broken");
  await expect(trained.recover(other)).rejects.toBe(other);
  await trained.close();
});

test("a device that is lost at once each time stops the run after three tries", async () => {
  const told: string[] = [];
  const reopen = async (): Promise<Gpu> => {
    const gpu = await fresh();
    gpu.device.destroy();
    return gpu;
  };
  const failing = run("stopped", { reopen, onStep: lose }, told);
  await expect(failing).rejects.toThrow(/the device was lost 4 times after step 0; the last time:/);
  await expect(failing).rejects.toBeInstanceOf(DeviceLostError);
  expect(told).toHaveLength(3);
  expect(told.at(-1)).toContain("try 3 of 3");
});

test("without a way to open a device the loss ends the run, and it can be resumed", async () => {
  const failing = train({
    gpu: await fresh(),
    config,
    source: tinySource("train"),
    teacher: null,
    out: join(root, "resumed"),
    resume: false,
    onStep: ({ step }) => {
      if (step === 5) lose();
    },
  });
  await expect(failing).rejects.toBeInstanceOf(DeviceLostError);
  await (await run("resumed", { resume: true })).close();
  expect(studentOf("resumed").equals(studentOf("unbroken"))).toBe(true);
  expect(stepsOf("resumed")).toEqual([1, 2, 3, 4, 5, 6, 7]);
});
