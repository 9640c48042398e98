// Nothing that is not finite goes in or comes out: truth and teacher given by a program, and the
// depth that a student predicts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DataSource } from "../../src/data/data_source.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { checkDepths, WrongDepthError } from "../../src/evaluate/checked_depth.ts";
import { evaluator } from "../../src/evaluate/protocol.ts";
import { teacherDepth } from "../../src/teacher/checked_teacher.ts";
import type { Teacher } from "../../src/teacher/teacher.ts";
import { InputError } from "../../src/tensor/error.ts";
import { evaluate, loadPredictor } from "../../src/train/predictor.ts";
import { originOf } from "../../src/train/student_origin.ts";
import { train } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-wrong-"));
});
afterAll(() => rmSync(root, { recursive: true }));

const config = tinyConfig({ steps: 4 });
const source = tinySource("train");

test("a student whose numbers overflow gives no depth: moment, camera and pixel are named", async () => {
  // Each finite, their product is not.
  const depth_max_m = 3e38;
  const origin = await originOf({ ...source, focalReference_px: 1e-3 });
  const student = { config, depth_max_m, steps: 1, origin, load: () => undefined };
  const predictor = await loadPredictor(gpu, student, source);
  try {
    const wrong = evaluate(predictor, source, "skip", () => undefined);
    await expect(wrong).rejects.toThrow(WrongDepthError);
    await expect(wrong).rejects.toThrow(
      /^moment tiny\/train\/0, camera CAM_\w+: the predicted depth at row \d+, column \d+ of 32x64 is /,
    );
  } finally {
    predictor.destroy();
  }
});

test.each([Number.NaN, Infinity, -Infinity, -1, 0])(
  "a depth of %d is found wherever it is",
  (value) => {
    for (const at of [0, 13, 23]) {
      const depth_m = new Float32Array(24).fill(5);
      depth_m[at] = value;
      const size = { height: 3, width: 4 };
      const place = `camera ${at < 12 ? "left" : "right"}: the predicted depth at row ${
        Math.floor(at / 4) % 3
      }, column ${at % 4} of 3x4 is ${value} m`;
      expect(() => checkDepths(depth_m, size, ["left", "right"], "moment m")).toThrow(place);
      // No truth is near it, and yet it is refused.
      const none = { ...size, pixels: new Uint32Array(0), depth_m: new Float32Array(0) };
      const add = (): void =>
        evaluator(["left", "right"], source.protocol).add(depth_m, size, [none, none]);
      expect(add).toThrow(place);
    }
  },
);

test.each([Number.NaN, Infinity, -2])(
  "a true depth of %d is refused by camera and pixel",
  (value) => {
    const size = { height: 3, width: 4 };
    const truth = { ...size, pixels: Uint32Array.of(6), depth_m: Float32Array.of(value) };
    const add = (): void =>
      evaluator(["left"], source.protocol).add(new Float32Array(12).fill(5), size, [truth]);
    expect(add).toThrow(InputError);
    expect(add).toThrow(`evaluation, camera left: truth at row 1, column 2 is ${value} m`);
  },
);

/** The tiny source with one number of each sample changed. */
function withFault(change: (sample: RigSample) => Partial<RigSample>): DataSource {
  return {
    ...source,
    sample: async (index, size) => {
      const sample = await source.sample(index, size);
      return { ...sample, ...change(sample) };
    },
  };
}

const faultAt = (map: Float32Array, value: number): Float32Array =>
  map.map((depth_m, i) => (i === 70 ? value : depth_m));

test.each<[string, DataSource, Teacher | null, RegExp]>([
  [
    "NaN in the sparse truth",
    withFault(({ sparse_depth_m }) => ({ sparse_depth_m: faultAt(sparse_depth_m, Number.NaN) })),
    tinyTeacher,
    /sample tiny\/train\/\d, camera CAM_FRONT: sparse_depth_m at row 1, column 6 is NaN/,
  ],
  [
    "infinity in the dense truth",
    withFault((sample) => ({ dense_depth_m: faultAt(sample.dense_depth_m!, Infinity) })),
    tinyTeacher,
    /camera CAM_FRONT: dense_depth_m at row 1, column 6 is Infinity/,
  ],
  [
    "NaN of a teacher",
    source,
    {
      name: "mine",
      relativeDepth: async (...at) => faultAt(await tinyTeacher.relativeDepth(...at), Number.NaN),
    },
    /teacher mine, sample tiny\/train\/\d, camera CAM_FRONT: relative depth at row 2, column 6 is NaN/,
  ],
  [
    "metres of a teacher",
    source,
    {
      name: "mine",
      relativeDepth: async (...at) => faultAt(await tinyTeacher.relativeDepth(...at), 30),
    },
    /relative depth at row 2, column 6 is 30; expected 0 to 1/,
  ],
])("%s stops a training by its place", async (name, data, teacher, message) => {
  const out = join(root, name);
  const run = train({ gpu, config, source: data, teacher, out, resume: false });
  await expect(run).rejects.toThrow(InputError);
  await expect(run).rejects.toThrow(message);
});

test("a teacher's map of another size or type is refused", async () => {
  const sample = await source.sample(0, config.size);
  const size = { height: 2, width: 2 };
  for (const map of [new Float32Array(11), new Float64Array(12) as unknown as Float32Array]) {
    const teacher = { name: "mine", relativeDepth: async () => await Promise.resolve(map) };
    await expect(teacherDepth(teacher, sample, size)).rejects.toThrow(
      "is not a Float32Array of 3 x 2 x 2 elements",
    );
  }
});
