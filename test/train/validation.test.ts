// Validation during training: what it records, the best checkpoint, the early end, and that it
// changes no bit of the training.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSealed } from "../../src/formats/sealed_file.ts";
import { readEvents } from "../../src/formats/events.ts";
import { openCheckpoint } from "../../src/train/checkpoint.ts";
import { readStudent } from "../../src/train/student_file.ts";
import { train, type TrainedRun, type TrainingRun } from "../../src/train/trainer.ts";
import { someMoments } from "../../src/train/validate.ts";
import { bestStep, hasStalled } from "../../src/train/validation.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource } from "./tiny.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-validation-"));
});
afterAll(() => rmSync(root, { recursive: true }));

const PLAIN = {
  steps: 6,
  checkpoint_every: 2,
  keep_checkpoints: 1,
  loss: { relation: "none", ckd: false },
};

async function run(
  name: string,
  more: object,
  rest: Partial<TrainingRun> = {},
): Promise<TrainedRun> {
  return await train({
    gpu,
    config: tinyConfig({ ...PLAIN, ...more }),
    source: tinySource("train"),
    heldOut: tinySource("held-out"),
    teacher: null,
    out: join(root, name),
    resume: false,
    ...rest,
  });
}

const step = (at: number, abs_rel?: number): Parameters<typeof bestStep>[0][number] => ({
  step: at,
  ...(abs_rel !== undefined && { validation: { abs_rel, rmse: 1, a1: 1, moments: 1 } }),
});

test("the first best of equals counts, and a run stalls after as many others as it may", () => {
  const records = [step(1), step(2, 0.5), step(3), step(4, 0.3), step(6, 0.3), step(8, 0.4)];
  expect(bestStep(records)).toBe(4);
  expect(bestStep([step(1)])).toBeNull();
  expect(hasStalled({ early_stop: 2 }, records)).toBe(true);
  expect(hasStalled({ early_stop: 3 }, records)).toBe(false);
  expect(hasStalled({ early_stop: null }, records)).toBe(false);
  expect(hasStalled({ early_stop: 1 }, [step(2, 0.5)])).toBe(false);
});

test("some moments are spread evenly, and keep their ids", async () => {
  const source = tinySource("held-out");
  const some = someMoments(source, 2);
  expect(some.count).toBe(2);
  const ids = await Promise.all([0, 1].map(async (i) => (await some.identify(i)).id));
  expect(ids).toEqual(["tiny/held-out/0", "tiny/held-out/2"]);
  expect((await some.sample(1, { height: 32, width: 64 })).id).toBe(ids[1]);
  expect(someMoments(source, null)).toBe(source);
  expect(someMoments(source, 9)).toBe(source);
});

test("validation records its numbers, keeps the best checkpoint, and changes no bit", async () => {
  const messages: string[] = [];
  const validated = await run(
    "validated",
    { validate_every: 2, validate_moments: 2 },
    { onMessage: (message) => messages.push(message) },
  );
  await validated.close();
  const plain = await run("plain", {});
  await plain.close();
  const weights = (name: string): unknown => {
    const file = join(root, name, "student.safetensors");
    return [...openSealed(readFileSync(file), file).tensors];
  };
  expect(weights("validated")).toEqual(weights("plain"));
  const numbers = (trained: TrainedRun): unknown =>
    trained.folder.records.map(({ step: at, loss, gradient_norm }) => [at, loss, gradient_norm]);
  expect(numbers(validated)).toEqual(numbers(plain));
  const lines = readFileSync(join(root, "validated", "metrics.jsonl"), "utf8")
    .trim()
    .split("\n");
  const records = lines.map(
    (line) => JSON.parse(line) as (typeof validated.folder.records)[number],
  );
  expect(records.map(({ validation }) => validation?.moments)).toEqual([
    undefined,
    2,
    undefined,
    2,
    undefined,
    2,
  ]);
  const best = bestStep(records)!;
  const { file, best: path } = { file: "best.safetensors", best: validated.folder.best };
  expect(readdirSync(join(root, "validated", "checkpoints")).toSorted()).toEqual([
    file,
    "step-6.safetensors",
  ]);
  expect((await openCheckpoint(path)).step).toBe(best);
  expect((await readStudent(path)).steps).toBe(best);
  expect(messages.filter((text) => text.includes("held-out AbsRel"))).toHaveLength(3);
  const events = readEvents(
    readFileSync(join(root, "validated", "events.out.tfevents.ringdepth")),
    "events",
  );
  expect(events.flatMap(({ scalars }) => [...scalars.keys()])).toContain("validation/abs_rel");
  expect(existsSync(join(root, "plain", "checkpoints", file))).toBe(false);
});

test("a run that no longer improves ends with its best student, also when it is resumed", async () => {
  // A learning rate of nearly nothing: every later validation is as good as the first or worse.
  const more = { steps: 40, validate_every: 1, validate_moments: 1, early_stop: 3 };
  const still = { ...more, optimizer: { learning_rate: 1e-30, weight_decay: 0 } };
  const ended = await run("ended", still);
  await ended.close();
  expect(ended).toMatchObject({ ended_early: true, interrupted: false });
  expect(ended.steps).toBe(bestStep(ended.folder.records)! + 3);
  expect(ended.student.steps).toBe(bestStep(ended.folder.records));
  expect((await readStudent(join(root, "ended"))).steps).toBe(ended.student.steps);
  const bytes = readFileSync(join(root, "ended", "student.safetensors"));
  const resumed = await run("ended", still, { resume: true });
  await resumed.close();
  expect(resumed).toMatchObject({ ended_early: true, steps: ended.steps });
  expect(readFileSync(join(root, "ended", "student.safetensors")).equals(bytes)).toBe(true);
});

test("a configuration that can never validate or stop is refused", async () => {
  expect(() => tinyConfig({ early_stop: 2 })).toThrow("early_stop: needs validate_every");
  expect(() => tinyConfig({ validate_every: 700 })).toThrow(
    "validate_every: 700 must be at most steps",
  );
  const { heldOut: _, ...rest } = {
    gpu,
    config: tinyConfig({ ...PLAIN, validate_every: 2 }),
    source: tinySource("train"),
    heldOut: null,
    teacher: null,
    out: join(root, "refused"),
    resume: false,
  };
  await expect(train(rest)).rejects.toThrow("validate_every: this command does not validate");
});
