// Training under precision f16: the same loss as in f32, half the memory, the scale of the loss.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { initialStore } from "../../src/graph/cpu_store.ts";
import type { PlanSummary } from "../../src/graph/plan.ts";
import { emptyTuning, choicesOf } from "../../src/tune/tuning_file.ts";
import { loader } from "../../src/data/loader.ts";
import { trainingNetwork } from "../../src/train/network.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { openSession } from "../../src/train/session.ts";
import { stepInputs, stepRecord } from "../../src/train/step.ts";
import { readStudent } from "../../src/train/student_file.ts";
import { train, type TrainedRun, type TrainingRun } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const hasF16 = gpu.facts.features.has("shader-f16");
const lack = hasF16 ? "" : " (skipped: this adapter lacks shader-f16)";
let root = "";

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-precision-"));
});
afterAll(() => rmSync(root, { recursive: true }));

async function run(
  name: string,
  keys: Record<string, unknown>,
  more: Partial<TrainingRun> = {},
): Promise<TrainedRun> {
  return await train({
    gpu,
    config: tinyConfig(keys),
    source: tinySource("train"),
    teacher: tinyTeacher,
    out: join(root, name),
    resume: false,
    ...more,
  });
}

test.skipIf(!hasF16)(`f16 follows f32 in half the memory${lack}`, async () => {
  const steps = 24;
  const losses: Record<string, number> = {};
  const plans: PlanSummary[] = [];
  for (const precision of ["f32", "f16"]) {
    const onStart = ({ plan }: { readonly plan: PlanSummary }): unknown => plans.push(plan);
    const done = await run(precision, { steps, precision }, { onStart: (at) => void onStart(at) });
    const { records } = done.folder;
    const last = records.slice(-8).map(({ loss }) => loss);
    losses[precision] = last.reduce((sum, loss) => sum + loss, 0) / last.length;
    expect(records.map(({ skipped }) => skipped).filter(Boolean)).toEqual([]);
    expect(records.map((one) => one.loss_scale)).toEqual(
      records.map(() => (precision === "f16" ? 4096 : undefined)),
    );
    await done.close();
  }
  expect(Math.abs(losses["f16"] / losses["f32"] - 1)).toBeLessThan(0.02);
  const { arena_bytes, arena_bytes_f32 } = plans[1];
  const bytes = arena_bytes.reduce((sum, one) => sum + one, 0);
  expect(arena_bytes_f32).toBe(plans[0].arena_bytes.reduce((sum, one) => sum + one, 0));
  expect(bytes / arena_bytes_f32).toBeLessThan(0.55);
  const text = readFileSync(join(root, "f16", "student.safetensors"), "latin1");
  expect(text).not.toContain("loss_scale");
  expect((await readStudent(join(root, "f16"), () => {})).config.precision).toBe("f16");
});

test.skipIf(!hasF16)(`a resumed run in f16 equals the unbroken one${lack}`, async () => {
  const keys = { steps: 4, checkpoint_every: 2, precision: "f16" };
  await (await run("whole", keys)).close();
  const controller = new AbortController();
  const stopped = await run("broken", keys, {
    signal: controller.signal,
    onStep: ({ step }) => {
      if (step === 1) controller.abort();
    },
  });
  await stopped.close();
  await (await run("broken", keys, { resume: true })).close();
  const student = (name: string): Buffer => readFileSync(join(root, name, "student.safetensors"));
  expect(student("broken").equals(student("whole"))).toBe(true);
});

test.skipIf(!hasF16)(`an overflow changes nothing but the scale, which halves${lack}`, async () => {
  const config = tinyConfig({ steps: 4, precision: "f16" });
  const source = tinySource("train");
  const network = trainingNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: source.protocol.cap_m,
    teacher: tinyTeacher.parts,
  });
  const values = initialStore(network.g, 1);
  // a student has no scale: it begins with that of a new run
  (await readStudent(join(root, "f16"), () => {})).load(values);
  expect(values.states.get("loss_scale.scale")).toEqual(Float64Array.of(4096));
  const huge = 2 ** 60;
  values.states.get("loss_scale.scale")![0] = huge;
  const session = await openSession(gpu, network, values, choicesOf(emptyTuning(gpu.facts)));
  try {
    const samples = loader(source, {
      seed: 0,
      size: config.size,
      augment: false,
      badSamples: "stop",
    });
    const inputs = await stepInputs({ config, teacher: tinyTeacher }, samples, 0);
    const step = async (): Promise<Record<string, Float32Array>> =>
      await session.plan.run(inputs, stepScalars(config, 1));
    const record = stepRecord(0, 1, await step(), 0);
    expect(record).toMatchObject({ skipped: true, loss_scale: huge, gradient_norm: 0 });
    const after = await session.store.read();
    expect(after.arenas.parameters).toEqual(values.arenas.parameters);
    expect(after.states.get("loss_scale.scale")).toEqual(Float64Array.of(huge / 2));
    after.states.get("loss_scale.scale")![0] = 1024;
    session.store.write(after);
    const next = stepRecord(1, 1, await step(), 0);
    expect(next).not.toHaveProperty("skipped");
    expect((await session.store.read()).arenas.parameters).not.toEqual(values.arenas.parameters);
    // at a scale of 1 there is nothing to halve: the overflow is the network's own
    expect(
      stepRecord(
        0,
        1,
        { ...(await step()), loss_scale: Float32Array.of(1), gradient_norm: new Float32Array(4) },
        0,
      ),
    ).toBeNull();
  } finally {
    session.close();
  }
});
