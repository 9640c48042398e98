// A run that goes by measured choices: they are written into its folder, and resumed it comes to the
// same bits although the adapter's file has changed; without choices it is today's run.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readTuning, type TuningEntry } from "../../src/tune/tuning_file.ts";
import { train, type TrainedRun, type TrainingRun } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { otherMappings } from "./other_mappings.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const STEPS = 4;
const config = tinyConfig({ steps: STEPS, checkpoint_every: 100 });
const source = tinySource("train");
const root = mkdtempSync(join(tmpdir(), "ringdepth-tuned-"));
afterAll(() => rmSync(root, { recursive: true }));

async function run(name: string, more: Partial<TrainingRun> = {}): Promise<TrainedRun> {
  const common = { gpu, config, source, teacher: tinyTeacher, resume: false };
  return await train({ ...common, out: join(root, name), ...more });
}

async function bytesOf(trained: TrainedRun): Promise<Buffer> {
  await trained.close();
  return readFileSync(trained.folder.student);
}

const stranger: TuningEntry = {
  problem: "gemm a[1,1] b[1,1] bias[0]",
  rule: "gemm",
  kernel: "gemm",
  constants: { TM: 8 },
  reason: "faster",
  change: null,
  pairs: 0,
  date: new Date(0).toISOString(),
  shaders: {},
};

test("a resumed run goes by the choices it began with, whatever the cache says by then", async () => {
  const tuning = otherMappings(gpu, config, source);
  expect(tuning.entries.length).toBeGreaterThan(0);
  const unbroken = await run("unbroken", { tuning });
  expect(unbroken.tuning.size).toBe(tuning.entries.length);
  const bytes = await bytesOf(unbroken);
  const byRule = await bytesOf(await run("by_rule"));
  expect(bytes.equals(byRule)).toBe(false);

  const controller = new AbortController();
  const started = { tuning: { ...tuning, entries: [...tuning.entries, stranger] } };
  const stopped = await run("stopped", {
    ...started,
    signal: controller.signal,
    onStep: () => controller.abort(),
  });
  await stopped.close();
  expect(stopped.steps).toBeLessThan(STEPS);
  const kept = await readTuning(stopped.folder.tuning);
  expect(kept!.entries).toEqual(tuning.entries); // what the step has, not the stranger
  const choices: number[] = [];
  const resumed = await run("stopped", {
    resume: true,
    tuning: null,
    onStart: (about) => choices.push(about.choices),
  });
  expect((await bytesOf(resumed)).equals(bytes)).toBe(true);
  expect(choices).toEqual([tuning.entries.length]);

  // an empty file, stale entries and none at all are the rule
  const stale = tuning.entries.map((entry) => ({ ...entry, shaders: {} }));
  const old = await run("stale", { tuning: { ...tuning, entries: stale } });
  expect(old.tuning.size).toBe(0);
  expect((await bytesOf(old)).equals(byRule)).toBe(true);
});

test("a run by rule stays by rule when it is resumed with choices at hand", async () => {
  const controller = new AbortController();
  const stopped = await run("ruled", {
    tuning: null,
    signal: controller.signal,
    onStep: () => controller.abort(),
  });
  await stopped.close();
  expect((await readTuning(stopped.folder.tuning))!.entries).toEqual([]);
  const resumed = await run("ruled", { resume: true, tuning: otherMappings(gpu, config, source) });
  expect(resumed.tuning.size).toBe(0);
  const byRule = readFileSync(join(root, "by_rule", "student.safetensors"));
  expect((await bytesOf(resumed)).equals(byRule)).toBe(true);
});

test("a damaged file in the run folder is told before a step", async () => {
  const file = join(root, "ruled", "tuning.json");
  writeFileSync(file, "{");
  await expect(run("ruled", { resume: true })).rejects.toThrow(`${file}: not valid JSON`);
});
