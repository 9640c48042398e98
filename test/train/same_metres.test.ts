// Metres are the student's: the same images and intrinsics give the same depth, whichever source
// they come from and whatever that source would begin a training with.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DataSource } from "../../src/data/data_source.ts";
import { folder } from "../../src/data/folder.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { predictionNetwork } from "../../src/train/network.ts";
import { evaluate } from "../../src/train/evaluate_student.ts";
import { loadPredictor } from "../../src/train/predictor.ts";
import { readStudent, writeStudent } from "../../src/train/student_file.ts";
import type { StudentFile } from "../../src/train/trained/student_bytes.ts";
import { originOf } from "../../src/train/student_origin.ts";
import { writeDgp } from "../data/dgp_fixture.ts";
import { gpu } from "../support/gpu.ts";
import { firstMoment, writeAsFolder } from "./dgp_folder.ts";
import { tinyConfig, tinySource } from "./tiny.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-metres-"));
});
afterAll(() => rmSync(root, { recursive: true }));

/** An untrained student that says it was trained on `source`. */
async function studentOf(source: DataSource, name: string): Promise<StudentFile> {
  const config = tinyConfig({ steps: 3, data: source.name });
  const { cap_m } = source.protocol;
  const shape = { views: source.cameras.length, size: config.size, depth_max_m: cap_m };
  const store = initialStore(predictionNetwork(config, shape).g, 5);
  const file = join(root, `${name}.safetensors`);
  const origin = await originOf(source);
  await writeStudent(file, store, { config, depth_max_m: cap_m, steps: 3, origin });
  return await readStudent(file, (text) => expect.fail(text));
}

async function firstDepth(student: StudentFile, source: DataSource): Promise<Float32Array> {
  const predictor = await loadPredictor(gpu, student, source);
  try {
    return await predictor.predict(await source.sample(0, predictor.size));
  } finally {
    predictor.destroy();
  }
}

function worstRatio(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value / b[i] - 1)), 0);
}

const MINI = new URL("../../../shared/data/ddad-mini", import.meta.url).pathname;

describe.each([
  ["a set made here", "000000", async () => await writeDgp(join(root, "dgp"))],
  ["ddad-mini", "scene_02", null],
] as const)("%s, as ddad and as folder", (name, scene, write) => {
  if (write === null && !existsSync(MINI)) {
    test.skip("skipped: ../shared/data/ddad-mini is absent", () => {});
    return;
  }

  test("one student gives the same depth", async () => {
    await write?.();
    const { source, images } = await firstMoment(write ? join(root, "dgp") : MINI, scene);
    const copy = join(root, `${name} as folder`);
    writeAsFolder(copy, source, { any: images }, { min_m: 1, cap_m: 33 });
    const other = await folder(copy, "held-out");
    const student = await studentOf(source, name);
    const own = await firstDepth(student, source);
    expect(worstRatio(await firstDepth(student, other), own)).toBeLessThan(1e-6);
    // And a student of the folder, whose reference and depths are others, says other metres.
    const another = await firstDepth(await studentOf(other, `${name} of folder`), other);
    expect(worstRatio(another, own)).toBeGreaterThan(0.1);
  });
});

test("no property of the opened source moves a metre, nor a number of the evaluation", async () => {
  const source = tinySource("held-out");
  const student = await studentOf(tinySource("train"), "tiny");
  const own = await firstDepth(student, source);
  const protocol = { name: "other", min_m: 2, cap_m: 12 };
  const other = { ...source, name: "other", protocol, focalReference_px: 1e4 };
  expect(await firstDepth(student, other)).toEqual(own);
  const found = await Promise.all(
    [source, other].map(async (one) => {
      const predictor = await loadPredictor(gpu, student, one);
      const evaluation = await evaluate(predictor, one, "stop", (text) => expect.fail(text));
      predictor.destroy();
      return evaluation;
    }),
  );
  expect(found[1]).toEqual(found[0]);
  expect(found[0].result).toMatchObject({ protocol: "tiny", min_m: 0.1, cap_m: 80 });
});

test("the images' normalisation is the student's too", async () => {
  const source = tinySource("held-out");
  const student = await studentOf(tinySource("train"), "normalised");
  const normalization = { mean: 0, deviation: 1 };
  const scale = { ...student.origin.scale, normalization };
  const other = { ...student, origin: { ...student.origin, scale } };
  const own = await firstDepth(student, source);
  expect(worstRatio(await firstDepth(other, source), own)).toBeGreaterThan(1e-4);
});

test("images and intrinsics alone give the depth of the sample that they are from", async () => {
  const source = tinySource("held-out");
  const student = await studentOf(source, "bare");
  const predictor = await loadPredictor(gpu, student, source);
  try {
    const sample = await source.sample(0, predictor.size);
    const want = await predictor.predict(sample);
    const intrinsics = sample.cameras.map(({ fx, fy, cx, cy }) => ({ fx, fy, cx, cy }));
    expect(await predictor.predict(sample.images, intrinsics)).toEqual(want);
    // of an image twice as large: the border stays, not the centre of a pixel
    const twice = sample.cameras.map(({ fx, fy, cx, cy, width, height }) => ({
      fx: 2 * fx,
      fy: 2 * fy,
      cx: 2 * cx + 0.5,
      cy: 2 * cy + 0.5,
      width: 2 * width,
      height: 2 * height,
    }));
    expect(await predictor.predict(sample.images, twice)).toEqual(want);
    const refused = async (images: unknown, cameras: unknown, why: string): Promise<void> => {
      const wrong = predictor.predict(images as Uint8Array, cameras as typeof intrinsics);
      await expect(wrong).rejects.toThrow(why);
    };
    const [first, ...rest] = intrinsics;
    await refused(sample.images, undefined, "expected the intrinsics of each camera");
    await refused(sample.images.subarray(3), intrinsics, "expected the");
    await refused(Float32Array.from(sample.images), intrinsics, "of a Float32Array");
    await refused(
      sample.images,
      [{ ...first, focal: 1 }, ...rest],
      "camera 0: unknown option focal",
    );
    await refused(
      sample.images,
      [{ ...first, fx: "600" }, ...rest],
      "fx is 600; expected a finite",
    );
    await refused(sample.images, [{ ...first, fx: -1 }, ...rest], "fx is -1");
    const fewer = sample.images.subarray(
      0,
      (sample.images.length / sample.cameras.length) * rest.length,
    );
    await refused(fewer, rest, "this predictor takes");
  } finally {
    predictor.destroy();
  }
});
