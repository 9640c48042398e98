// Student files: damage is found wherever it is, numbers that cannot be are refused by name, and a
// file of an earlier version is read with a warning of what is assumed.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  readSafetensors,
  writeSafetensors,
  type NewTensor,
} from "../../src/formats/safetensors.ts";
import { sealSafetensors } from "../../src/formats/sealed_file.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { InputError } from "../../src/tensor/error.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { writeCheckpoint } from "../../src/train/checkpoint.ts";
import { namedTensors } from "../../src/train/trained/tensors.ts";
import { formatConfig } from "../../src/train/config/text.ts";
import { readStudent, writeStudent } from "../../src/train/student_file.ts";
import { originOf } from "../../src/train/student_origin.ts";
import { tinyConfig, tinySource } from "./tiny.ts";

let root = "";
let file = "";
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-student-"));
  file = join(root, "student.safetensors");
  const origin = await originOf(tinySource("train"));
  await writeStudent(file, smallStore(), { config, depth_max_m: 80, steps: 3, origin });
});
afterAll(() => rmSync(root, { recursive: true }));

const config = tinyConfig({ steps: 3 });

/** A store of a weight, a bias and a running mean. */
function smallStore(): CpuStore {
  const g = graph();
  const draw = (shape: readonly number[]): Float32Array =>
    new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.25);
  g.parameter("weight", [3, 5], draw);
  g.parameter("bias", [3], draw);
  g.state("mean", [4], 0);
  return initialStore(g, 0);
}

/** No file of these tests is to be warned of. */
function failOn(message: string): never {
  return expect.fail(message);
}

function refusal(path: string): Promise<string> {
  return readStudent(path, () => undefined).then(
    () => "read",
    (error: unknown) => {
      expect(error).toBeInstanceOf(InputError);
      return (error as Error).message;
    },
  );
}

test("1,000 flipped bits are found, each of them", async () => {
  const bytes = new Uint8Array(readFileSync(file));
  const random = randomStream(3);
  const damaged = join(root, "damaged.safetensors");
  expect((await readStudent(file, failOn)).steps).toBe(3);
  for (let i = 0; i < 1000; i++) {
    const at = Math.floor(random.uniform() * bytes.length);
    const bit = 1 << Math.floor(random.uniform() * 8);
    bytes[at] ^= bit;
    writeFileSync(damaged, bytes);
    expect(await refusal(damaged), `byte ${at}, bit ${bit}`).toContain(damaged);
    bytes[at] ^= bit;
  }
});

/** The student with other metadata or tensors, sealed as if a program had written it so. */
function rewrite(
  change: (metadata: Record<string, string>, tensors: NewTensor[]) => void,
  seal = true,
): string {
  const read = readSafetensors(readFileSync(file), file);
  const { checksum: _checksum, sealed: _sealed, ...metadata } = read.metadata;
  const tensors = [...read.tensors].map(([name, { shape, data }]) => ({
    name,
    shape,
    data: data.slice() as Float32Array,
  }));
  change(metadata, tensors);
  const changed = join(root, "changed.safetensors");
  const bytes = seal ? sealSafetensors(tensors, metadata) : writeSafetensors(tensors, metadata);
  writeFileSync(changed, bytes);
  return changed;
}

test.each([
  ["weight", 7, Number.NaN],
  ["bias", 2, Infinity],
  ["state/mean", 0, -Infinity],
])("%s with element %i of %d is refused by tensor and index", async (name, index, value) => {
  const changed = rewrite((_metadata, tensors) => {
    const data = tensors.find((tensor) => tensor.name === name)!.data as Float32Array;
    data[index] = value;
  });
  const { load } = await readStudent(changed, failOn);
  const store = smallStore();
  expect(() => load(store)).toThrow(InputError);
  expect(() => load(store)).toThrow(`${changed}: ${name}: element ${index} of`);
  expect(() => load(store)).toThrow(`is ${value}`);
  expect(store).toEqual(smallStore());
});

/** Replaces a key of the origin by JSON text. */
const inOrigin =
  (key: string, json: string) =>
  (metadata: Record<string, string>): void => {
    const pattern = new RegExp(`"${key}":[^,}]+`);
    expect(metadata["origin"]).toMatch(pattern);
    metadata["origin"] = metadata["origin"].replace(pattern, `"${key}":${json}`);
  };

test.each<[string, (metadata: Record<string, string>) => void, string]>([
  ["NaN metres", (m) => (m["depth_max_m"] = "NaN"), "metadata depth_max_m is NaN"],
  ["no metres", (m) => delete m["depth_max_m"], "its metadata lacks depth_max_m"],
  ["empty metres", (m) => (m["depth_max_m"] = ""), "metadata depth_max_m is NaN"],
  ["negative metres", (m) => (m["depth_max_m"] = "-80"), "metadata depth_max_m is -80"],
  ["infinite metres", (m) => (m["depth_max_m"] = "Infinity"), "metadata depth_max_m is Infinity"],
  ["NaN steps", (m) => (m["steps"] = "NaN"), "metadata steps is NaN"],
  ["half a step", (m) => (m["steps"] = "2.5"), "metadata steps is 2.5"],
  ["no steps", (m) => delete m["steps"], "its metadata lacks step"],
  ["negative reference", inOrigin("focal_reference_px", "-500"), "origin.focal_reference_px"],
  ["infinite reference", inOrigin("focal_reference_px", "1e999"), "origin.focal_reference_px"],
  ["NaN reference", inOrigin("focal_reference_px", "NaN"), "metadata origin: not valid JSON"],
  ["no reference", inOrigin("focal_reference_px", "null"), "origin.focal_reference_px"],
  ["cap below min", inOrigin("cap_m", "0.05"), "origin.protocol: min_m must be below cap_m"],
  ["deviation 0", inOrigin("deviation", "0"), "origin.normalization.deviation"],
  ["no origin", (m) => delete m["origin"], "its metadata lacks origin"],
  ["no moments", (m) => delete m["training_moments"], "its metadata lacks training_moments"],
  ["cut moments", (m) => (m["training_moments"] += "AA=="), "training_moments is not a list"],
  ["unknown key", (m) => (m["depth_maxm"] = "80"), 'unknown key "depth_maxm"; known: format,'],
  [
    "unknown key of the configuration",
    (m) => (m["config"] += "stepz: 3\n"),
    'unknown key "stepz"; known keys: data,',
  ],
  [
    "NaN in the configuration",
    (m) => (m["config"] = m["config"].replace(/learning_rate: .*/, "learning_rate: .nan")),
    "optimizer.learning_rate: ",
  ],
])("%s is refused by name", async (_name, change, message) => {
  const changed = rewrite(change);
  const found = await refusal(changed);
  expect(found).toContain(changed);
  expect(found).toContain(message);
});

test("an origin without a seal is damage, not an earlier version", async () => {
  expect(await refusal(rewrite(() => undefined, false))).toContain("it is damaged");
});

test.each([
  ["ddad:somewhere", 200, 715.0873],
  ["folder:somewhere", 80, 500],
  ["rig", 80, 500],
])("a student of an earlier version, on %s, is read with a warning", async (data, cap_m, px) => {
  const old = join(root, "old.safetensors");
  const metadata = {
    format: "ringdepth student",
    config: formatConfig({ ...config, data }),
    depth_max_m: String(cap_m),
    steps: "3",
  };
  writeFileSync(old, writeSafetensors(namedTensors(smallStore()), metadata));
  const warnings: string[] = [];
  const { origin, depth_max_m } = await readStudent(old, (text) => warnings.push(text));
  expect(depth_max_m).toBe(cap_m);
  expect(origin).toMatchObject({ scale: { focalReference_px: px }, cameras: null, moments: null });
  expect(warnings).toHaveLength(1);
  for (const part of [old, `${px} px`, `${cap_m} m`, "not known which moments", "damage"]) {
    expect(warnings[0]).toContain(part);
  }
});

test("a run folder stands for its student, and says where it has none yet", async () => {
  const run = join(root, "run");
  mkdirSync(join(run, "checkpoints"), { recursive: true });
  expect(await refusal(run)).toContain(`${run}: this folder has no student.safetensors, nor a`);
  const origin = await originOf(tinySource("train"));
  const info = { step: 2, config: formatConfig(config), depth_max_m: 80, origin };
  const checkpoint = await writeCheckpoint(join(run, "checkpoints"), smallStore(), info);
  expect(await refusal(run)).toContain(`but a checkpoint that can be read: ${checkpoint}`);
  writeFileSync(join(run, "student.safetensors"), readFileSync(file));
  expect((await readStudent(run, failOn)).steps).toBe(3);
});
