// Fine-tuning: a run begins with the numbers and the scale of a trained student, takes its network
// where nothing else is said, and refuses another one.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runSettings } from "../../src/cli/settings/run_settings.ts";
import type { DataSource } from "../../src/data/data_source.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { readBytes } from "../../src/formats/atomic_file.ts";
import { resolveConfig, type TrainConfig } from "../../src/train/config.ts";
import { loadFirstWeights } from "../../src/train/first_weights.ts";
import { openTrainingSource } from "../../src/train/source.ts";
import { readStudent } from "../../src/train/student_file.ts";
import { train } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource } from "./tiny.ts";

const root = mkdtempSync(join(tmpdir(), "ringdepth-from-"));
afterAll(() => rmSync(root, { recursive: true }));

const source = tinySource("train");
const base = tinyConfig({ steps: 1, student_attention: "neighbours" });
const student = join(root, "base", "student.safetensors");

async function run(name: string, config: TrainConfig, from: DataSource = source): Promise<void> {
  const out = join(root, name);
  const trained = await train({ gpu, config, source: from, teacher: null, resume: false, out });
  await trained.close();
}

async function tensors(name: string): Promise<Map<string, number[]>> {
  const file = join(root, name, "student.safetensors");
  const { tensors: found } = readSafetensors(await readBytes(file), file);
  return new Map([...found].map(([key, { data }]) => [key, Array.from(data as Float32Array)]));
}

beforeAll(async () => await run("base", base));

test("a run begins with the student's numbers and keeps the scale of its metres", async () => {
  const still = { ...base.optimizer, learning_rate: 1e-30 };
  const config = { ...base, seed: 9, student_from: student, optimizer: still };
  const protocol = { ...source.protocol, name: "other", cap_m: 50 };
  await run("tuned", config, { ...source, protocol, focalReference_px: 900 });
  const [before, after] = [await tensors("base"), await tensors("tuned")];
  expect([...after.keys()]).toEqual([...before.keys()]);
  for (const [name, values] of before) {
    const worst = values.map((value, i) => Math.abs(value - after.get(name)![i]));
    expect(Math.max(...worst), name).toBeLessThan(1e-25);
  }
  const [own, other] = await Promise.all(
    ["base", "tuned"].map(async (name) => await readStudent(join(root, name))),
  );
  expect(other.origin.scale).toEqual(own.origin.scale);
  expect(other.depth_max_m).toBe(own.depth_max_m);
  expect(other.config.student_from).toBe(student);
});

test("the data of a run has that scale too, for teachers and evaluation", async () => {
  const rig = { train_moments: 1, held_out_moments: 1 };
  const config = resolveConfig({ rig, student_from: join(root, "base") }, "test");
  const opened = await openTrainingSource(config, "train");
  const { scale } = (await readStudent(student)).origin;
  expect(opened.protocol).toEqual(scale.protocol);
  expect(opened.focalReference_px).toBe(scale.focalReference_px);
});

describe("settings", () => {
  test("take network and size of the student", async () => {
    const { config } = await runSettings({ from: student });
    expect(config).toMatchObject({
      student: base.student,
      student_attention: "neighbours",
      head: base.head,
      size: base.size,
      student_from: student,
    });
  });

  test("may have another size and other keys", async () => {
    const size = { height: 64, width: 96 };
    const { config } = await runSettings({ from: student, size, steps: 7 });
    expect([config.size, config.steps]).toEqual([size, 7]);
  });

  test("name the student in a file as well", async () => {
    const file = join(root, "run.yaml");
    writeFileSync(file, `student_from: ${join(root, "base")}\n`);
    const { config } = await runSettings({ config: file });
    expect(config.student_attention).toBe("neighbours");
  });

  test("without such a file say so", async () => {
    await expect(runSettings({ from: join(root, "none") })).rejects.toThrow("none: cannot read");
  });
});

test.each([
  [{ student_attention: "none" }, 'student_attention of this student is "neighbours", but'],
  [{ head: { ...base.head, bins: base.head.bins + 1 } }, "leave head out to fine-tune"],
  [
    { student: "resnet18", size: { height: 64, width: 64 } },
    'student of this student is "nano", but this run sets "resnet18"',
  ],
] as const)("a student of another network is refused: %o", async (change, message) => {
  const config = { ...base, ...change, student_from: student } as TrainConfig;
  await expect(loadFirstWeights(config, initialStore(graph(), 0))).rejects.toThrow(message);
});

test("two sources of first numbers are refused", () => {
  const both = { student: "resnet18", student_weights: "a", student_from: "b" };
  expect(() => resolveConfig(both, "x")).toThrow("both give the first numbers");
});
