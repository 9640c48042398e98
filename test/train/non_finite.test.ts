// Numbers that are not finite: the run stops within a step, names the first tensor, and keeps no
// student and no checkpoint of them.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loader } from "../../src/data/loader.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { writeCheckpoint } from "../../src/train/checkpoint.ts";
import { formatConfig } from "../../src/train/config/text.ts";
import { trainingNetwork } from "../../src/train/network.ts";
import { nonFiniteStep } from "../../src/train/non_finite_step.ts";
import { claimRunFolder, runPaths } from "../../src/train/run_folder.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { openSession } from "../../src/train/session.ts";
import { stepInputs } from "../../src/train/step.ts";
import { NonFiniteError, train, type TrainingRun } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";
import { INDEX_ONLY } from "../../src/teacher/teacher.ts";

const config = tinyConfig({ steps: 4, checkpoint_every: 2, keep_checkpoints: 9 });
const source = tinySource("train");
const root = mkdtempSync(join(tmpdir(), "ringdepth-non-finite-"));
afterAll(() => rmSync(root, { recursive: true }));

const steps: number[] = [];

/** The error that a run ends with. */
async function failureOf(name: string, more: Partial<TrainingRun>): Promise<Error> {
  steps.length = 0;
  const run: TrainingRun = {
    gpu,
    config,
    source,
    teacher: tinyTeacher,
    out: join(root, name),
    resume: false,
    onStep: ({ step }) => steps.push(step),
    ...more,
  };
  try {
    await (await train(run)).close();
  } catch (error) {
    return error as Error;
  }
  return expect.fail("the run ended well");
}

const network = trainingNetwork(config, {
  views: source.cameras.length,
  size: config.size,
  depth_max_m: source.protocol.cap_m,
  teacher: INDEX_ONLY,
});

test.each(["input", "parameter", "none"])("the first tensor is found: %s", async (kind) => {
  const values = initialStore(network.g, 0);
  const [{ name, offset }] = values.layout.slots;
  const samples = loader(source, {
    seed: 0,
    size: config.size,
    augment: false,
    badSamples: "stop",
  });
  const inputs = await stepInputs({ teacher: tinyTeacher, config }, samples, 0);
  if (kind === "input") inputs["teacher"][7] = -Infinity;
  // A parameter comes before everything that is computed of it.
  if (kind !== "none") values.arenas.parameters[offset + 1] = NaN;
  const session = await openSession(gpu, network, values, new Map());
  try {
    const found = await nonFiniteStep(session, inputs, stepScalars(config, 0));
    const wanted = {
      input: "input teacher[7] is -Infinity",
      parameter: `parameter ${name}[1] is NaN`,
      none: null,
    };
    expect(found).toBe(wanted[kind as keyof typeof wanted]);
  } finally {
    session.close();
  }
});

/** A run folder whose checkpoint of step 0 holds `values`. */
async function prepared(name: string, values: CpuStore): Promise<void> {
  const out = join(root, name);
  await (await claimRunFolder(out, "new")).release();
  const info = { step: 0, config: formatConfig(config), depth_max_m: source.protocol.cap_m };
  await writeCheckpoint(runPaths(out).checkpoints, values, info);
}

test("a checkpoint with a number that is not finite is refused by tensor and index", async () => {
  const values = initialStore(network.g, 0);
  const { name, offset } = values.layout.slots.at(-1)!;
  values.arenas.parameters[offset] = NaN;
  await prepared("refused", values);
  const error = await failureOf("refused", { resume: true });
  expect(error.name).toBe("InputError");
  expect(error.message).toContain(`step-0.safetensors: ${name}: element 0 of`);
});

test("gradients that overflow are named, and the parameters before stay as they were", async () => {
  const values = initialStore(network.g, 0);
  // Finite weights whose products are not.
  for (const { name, offset, size } of values.layout.slots) {
    if (name.endsWith("weight")) values.arenas.parameters.fill(1e30, offset, offset + size);
  }
  await prepared("overflow", values);
  const error = await failureOf("overflow", { resume: true });
  expect(error).toBeInstanceOf(NonFiniteError);
  expect(error.message).toMatch(/^step 1: (output|gradient of) \S+\[\d+\] is (NaN|-?Infinity)/);
  expect(error.message).toContain(runPaths(join(root, "overflow")).checkpoints);
  expect(steps).toEqual([]);
  const { checkpoints, student } = runPaths(join(root, "overflow"));
  expect(readdirSync(checkpoints)).toEqual(["step-0.safetensors"]);
  expect(existsSync(student)).toBe(false);
});
