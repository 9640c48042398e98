// Checkpoints: everything comes back exactly, and a damaged or foreign file is refused by name.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu.ts";
import { graph } from "../../src/graph/graph.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { latestCheckpoint, readCheckpoint, writeCheckpoint } from "../../src/train/checkpoint.ts";
import { tinyConfig } from "./tiny.ts";
import { readStudent, writeStudent } from "../../src/train/student_file.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-checkpoint-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const INFO = { step: 12, config: "steps: 3\n", depth_max_m: 80 };

/** A store of two parameters and a state, every number of it random and an f32. */
function randomStore(seed: number, width = 5): CpuStore {
  const g = graph();
  const draw = (shape: readonly number[]): Float32Array =>
    new Float32Array(shape.reduce((a, b) => a * b, 1));
  g.parameter("weight", [3, width], draw);
  g.parameter("bias", [3], draw);
  g.state("mean", [4], 0);
  const store = initialStore(g, 0);
  const random = randomStream(seed);
  for (const { offset, size } of store.layout.slots) {
    for (const name of ["parameters", "first_moments", "second_moments"] as const) {
      for (let i = 0; i < size; i++) store.arenas[name][offset + i] = Math.fround(random.normal());
    }
  }
  store.states.get("mean")!.forEach((_, i, all) => (all[i] = Math.fround(random.normal())));
  return store;
}

test("parameters, moments, states and step come back exactly", async () => {
  const store = randomStore(1);
  const file = await writeCheckpoint(root, store, INFO);
  const read = randomStore(2);
  expect(await readCheckpoint(file, read)).toEqual(INFO);
  expect(read).toEqual(store);
});

test("the latest is the one with the most steps, not the last by name", async () => {
  expect(await latestCheckpoint(root)).toBeNull();
  for (const step of [9, 100, 20]) await writeCheckpoint(root, randomStore(1), { ...INFO, step });
  expect(await latestCheckpoint(root)).toBe(join(root, "step-100.safetensors"));
});

test("a flipped bit, a cut file and a foreign one are refused by name", async () => {
  const file = await writeCheckpoint(root, randomStore(1), INFO);
  const bytes = readFileSync(file);
  const refused = async (content: Uint8Array): Promise<void> => {
    writeFileSync(file, content);
    await expect(readCheckpoint(file, randomStore(2))).rejects.toThrow(file);
  };
  await refused(bytes.map((byte, i) => (i === bytes.length - 9 ? byte ^ 1 : byte)));
  await refused(bytes.subarray(0, bytes.length - 4));
  await refused(writeSafetensors([]));
  await refused(new Uint8Array(3));
});

test("a checkpoint of another network is refused with both shapes", async () => {
  const file = await writeCheckpoint(root, randomStore(1), INFO);
  await expect(readCheckpoint(file, randomStore(1, 6))).rejects.toThrow(
    "weight is [3, 5], this student's is [3, 6]",
  );
});

test("a student file carries its configuration; same numbers, same bytes", async () => {
  const config = tinyConfig({ seed: 9 });
  const [file, second] = ["student.safetensors", "again.safetensors"].map((name) =>
    join(root, name),
  );
  const store = randomStore(1);
  const about = { config, depth_max_m: 80, steps: 3 };
  await writeStudent(file, store, about);
  await writeStudent(second, store, about);
  expect(readFileSync(second)).toEqual(readFileSync(file));
  const read = await readStudent(file);
  expect(read).toMatchObject(about);
  const loaded = randomStore(2);
  read.load(loaded);
  expect(loaded.arenas.parameters).toEqual(store.arenas.parameters);
  expect(loaded.states).toEqual(store.states);
});

test("a safetensors file of something else is no student", async () => {
  const file = join(root, "other.safetensors");
  writeFileSync(file, writeSafetensors([]));
  await expect(readStudent(file)).rejects.toThrow(`${file}: is not a student of ringdepth`);
});
