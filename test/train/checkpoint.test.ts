// Checkpoints: everything comes back exactly, and a damaged or foreign file is refused by name.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { openSealed, sealSafetensors } from "../../src/formats/sealed_file.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { randomStream } from "../../src/tensor/random.ts";
import {
  checkpointsIn,
  openCheckpoint,
  pruneCheckpoints,
  writeCheckpoint,
} from "../../src/train/checkpoint.ts";
import { readStudent, writeStudent } from "../../src/train/student_file.ts";
import { originOf } from "../../src/train/student_origin.ts";
import { tinyConfig, tinySource } from "./tiny.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-checkpoint-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const INFO = {
  step: 12,
  config: "steps: 3\n",
  depth_max_m: 80,
  origin: await originOf(tinySource("train")),
};

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
  const checkpoint = await openCheckpoint(file);
  expect(checkpoint).toMatchObject(INFO);
  checkpoint.load(read);
  expect(read).toEqual(store);
});

const steps = async (): Promise<number[]> => (await checkpointsIn(root)).map(({ step }) => step);

test("checkpoints come by their steps, not by name, the newest first", async () => {
  expect(await checkpointsIn(join(root, "none"))).toEqual([]);
  for (const step of [9, 100, 20]) await writeCheckpoint(root, randomStore(1), { ...INFO, step });
  expect(await steps()).toEqual([100, 20, 9]);
});

test("the newest are kept; later ones and files of other names stay", async () => {
  for (const step of [1, 2, 3, 4, 9])
    await writeCheckpoint(root, randomStore(1), { ...INFO, step });
  writeFileSync(join(root, "step-1.safetensors.bak"), "");
  await pruneCheckpoints(root, 4, 2);
  expect(await steps()).toEqual([9, 4, 3]);
  expect(existsSync(join(root, "step-1.safetensors.bak"))).toBe(true);
});

test("1,000 random flipped bits, each cut of 4 KiB and 1,000 random cuts are told as damage", async () => {
  const file = await writeCheckpoint(root, randomStore(1, 400), INFO);
  const bytes = readFileSync(file);
  expect(bytes.length).toBeGreaterThan(8192);
  const random = randomStream(11);
  const place = (): number => Math.floor(bytes.length * random.uniform());
  const damaged = Array.from({ length: 1000 }, () => {
    const copy = Uint8Array.from(bytes);
    copy[place()] ^= 1 << Math.floor(8 * random.uniform());
    return copy;
  });
  for (let length = 0; length < 4096; length++) damaged.push(bytes.subarray(0, length));
  for (let i = 0; i < 1000; i++) damaged.push(bytes.subarray(0, place()));
  const tell = (content: Uint8Array): string => {
    try {
      openSealed(content, "FILE");
      return "taken";
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  };
  const told = damaged.map(tell);
  expect(
    told.filter((text) => !/^InputError: FILE: .*(damaged|cut short|at least 8)/.test(text)),
  ).toEqual([]);
  writeFileSync(file, damaged[0]);
  await expect(openCheckpoint(file)).rejects.toThrow(`${file}: it is damaged`);
});

test("a file without a seal and one of something else are refused by name", async () => {
  const file = join(root, "step-1.safetensors");
  writeFileSync(file, writeSafetensors([], { step: "1", checksum: "123" }));
  await expect(openCheckpoint(file)).rejects.toThrow(`${file}: has no checksum over its whole`);
  writeFileSync(file, sealSafetensors([], { format: "ringdepth student" }));
  await expect(openCheckpoint(file)).rejects.toThrow(`${file}: is not a checkpoint`);
});

test("a number that is not finite is refused by tensor and index, and nothing is loaded", async () => {
  const store = randomStore(1);
  const { offset } = store.layout.byName.get("bias")!;
  store.arenas.second_moments[offset + 2] = Infinity;
  const file = await writeCheckpoint(root, store, INFO);
  const read = randomStore(2);
  const { load } = await openCheckpoint(file);
  expect(() => load(read)).toThrow(`${file}: second_moments/bias: element 2 of 3 is Infinity`);
  expect(read).toEqual(randomStore(2));
});

test("a checkpoint of another network is refused with both shapes", async () => {
  const file = await writeCheckpoint(root, randomStore(1), INFO);
  const { load } = await openCheckpoint(file);
  expect(() => load(randomStore(1, 6))).toThrow("weight is [3, 5], this student's is [3, 6]");
});

test("a student file carries its configuration; same numbers, same bytes", async () => {
  const config = tinyConfig({ seed: 9 });
  const [file, second] = ["student.safetensors", "again.safetensors"].map((name) =>
    join(root, name),
  );
  const store = randomStore(1);
  const origin = await originOf(tinySource("train"));
  const about = { config, depth_max_m: 80, steps: 3, origin };
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
