// Where a run goes on: from its newest checkpoint that can be read, and each damaged one is named.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { writeCheckpoint } from "../../src/train/checkpoint.ts";
import { formatConfig } from "../../src/train/config/text.ts";
import { loadNewest } from "../../src/train/newest_checkpoint.ts";
import { runPaths } from "../../src/train/run_folder.ts";
import { tinyConfig } from "./tiny.ts";

const config = tinyConfig();
let out = "";
let told: string[] = [];
beforeEach(async () => {
  out = mkdtempSync(join(tmpdir(), "ringdepth-newest-"));
  told = [];
  mkdirSync(runPaths(out).checkpoints);
  for (const step of [2, 4, 6]) {
    const info = { step, config: formatConfig(config), depth_max_m: 80 };
    await writeCheckpoint(runPaths(out).checkpoints, storeOf(step), info);
  }
});
afterEach(() => rmSync(out, { recursive: true }));

const fileOf = (step: number): string =>
  join(runPaths(out).checkpoints, `step-${step}.safetensors`);

/** A store whose parameters are all `value`. */
function storeOf(value: number): CpuStore {
  const g = graph();
  g.parameter("weight", [3], (shape) => new Float32Array(shape[0]).fill(value));
  return initialStore(g, 0);
}

/** The step that a run goes on from; its numbers are those of that checkpoint. */
async function resumedStep(): Promise<number> {
  const values = storeOf(0);
  const run = { out, config, onMessage: (message: string): unknown => told.push(message) };
  const { step } = await loadNewest(run, values);
  expect(values).toEqual(storeOf(step));
  return step;
}

const DAMAGES: Readonly<Record<string, (bytes: Buffer) => Uint8Array>> = {
  "nothing left of it": () => new Uint8Array(0),
  "cut by half": (bytes) => bytes.subarray(0, bytes.length / 2),
  "cut by a byte": (bytes) => bytes.subarray(0, -1),
  "a bit of a tensor": (bytes) => flipped(bytes, bytes.length - 3),
  "a bit of the header's length": (bytes) => flipped(bytes, 1),
  "a bit of a dtype": (bytes) => flipped(bytes, bytes.indexOf("F32")),
  "a bit of the step": (bytes) => flipped(bytes, bytes.indexOf('"step":"') + 8),
};

function flipped(bytes: Buffer, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] ^= 1;
  return copy;
}

test("without damage the newest is taken, and nothing is told", async () => {
  expect(await resumedStep()).toBe(6);
  expect(told).toEqual([]);
});

test.each(Object.keys(DAMAGES))("%s: it is named, and the one before is used", async (damage) => {
  writeFileSync(fileOf(6), DAMAGES[damage](readFileSync(fileOf(6))));
  expect(await resumedStep()).toBe(4);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(new RegExp(`^${fileOf(6)}: .*; it is not used$`));
  expect(told[0]).not.toContain("dtype");
});

test("a checkpoint under the name of another step is not used", async () => {
  renameSync(fileOf(4), fileOf(9));
  expect(await resumedStep()).toBe(6);
  expect(told).toEqual([`${fileOf(9)}: is the checkpoint of step 4; it is not used`]);
});

test("where none can be read the run does not begin", async () => {
  for (const step of [2, 4, 6]) writeFileSync(fileOf(step), "");
  await expect(resumedStep()).rejects.toThrow(`${out}: no checkpoint of 3 can be read`);
  expect(told).toHaveLength(3);
  for (const step of [2, 4, 6]) rmSync(fileOf(step));
  await expect(resumedStep()).rejects.toThrow(`${out}: no checkpoint to resume from`);
});
