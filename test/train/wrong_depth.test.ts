// Nothing that is not finite goes in or comes out: truth and teacher given by a program, and the
// depth that a student predicts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DataSource } from "../../src/data/data_source.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { checkDepths, WrongDepthError } from "../../src/evaluate/checked_depth.ts";
import { evaluator } from "../../src/evaluate/protocol.ts";
import { checkedMaps } from "../../src/teacher/checked_teacher.ts";
import {
  INDEX_ONLY,
  type Teacher,
  type TeacherMap,
  type TeacherMaps,
  type TeacherParts,
} from "../../src/teacher/teacher.ts";
import { InputError } from "../../src/tensor/error.ts";
import { evaluate } from "../../src/train/evaluate_student.ts";
import { loadPredictor } from "../../src/train/predictor.ts";
import { originOf } from "../../src/train/student_origin.ts";
import { train } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";
import { indexOf } from "../support/teacher_index.ts";

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
      parts: INDEX_ONLY,
      maps: async (...at) => ({ index: faultAt(await indexOf(tinyTeacher, ...at), Number.NaN) }),
    },
    /teacher mine, sample tiny\/train\/\d, camera CAM_FRONT: relative depth at row 2, column 6 is NaN/,
  ],
  [
    "metres of a teacher",
    source,
    {
      name: "mine",
      parts: INDEX_ONLY,
      maps: async (...at) => ({ index: faultAt(await indexOf(tinyTeacher, ...at), 30) }),
    },
    /relative depth at row 2, column 6 is 30; expected 0 to 1/,
  ],
])("%s stops a training by its place", async (name, data, teacher, message) => {
  const out = join(root, name);
  const run = train({ gpu, config, source: data, teacher, out, resume: false });
  await expect(run).rejects.toThrow(InputError);
  await expect(run).rejects.toThrow(message);
});

const ALL: TeacherParts = {
  index: true,
  binomial: true,
  centers: true,
  embedding: 3,
  depth_m: true,
  mask: true,
};
const BINS = 5;

describe("a teacher's maps are refused where", () => {
  const size = { height: 2, width: 3 };
  const maps = (pixels: number): Required<TeacherMaps> => ({
    index: new Float32Array(pixels).fill(0.5),
    pi: new Float32Array(pixels).fill(0.5),
    t: new Float32Array(pixels).fill(2),
    centers: new Float32Array(pixels * BINS).fill(0.5),
    embedding: new Float32Array(pixels * 3).fill(-2),
    depth_m: new Float32Array(pixels),
    mask: new Float32Array(pixels).fill(1),
  });
  const check = async (
    change: (good: Required<TeacherMaps>) => TeacherMaps,
    parts: TeacherParts = ALL,
  ): Promise<TeacherMaps> => {
    const sample = await source.sample(0, config.size);
    const given = change(maps(sample.cameras.length * 6));
    const teacher = { name: "mine", parts, maps: async () => await Promise.resolve(given) };
    return await checkedMaps(teacher, sample, size, BINS);
  };
  const withValue = (map: TeacherMap, value: number) => (good: Required<TeacherMaps>) => ({
    ...good,
    [map]: good[map].map((v, i) => (i === 10 ? value : v)),
  });

  test("nothing is wrong: they are given as they are", async () => {
    expect(await check((good) => good)).toEqual(maps(18));
    expect(await check(withValue("pi", 0))).toBeDefined();
    expect(await check(withValue("mask", 0))).toBeDefined();
  });

  test("one has another size or type", async () => {
    const size_of_map = "its map index is not a Float32Array of 3 x 2 x 3 elements";
    for (const index of [new Float32Array(17), new Float64Array(18) as unknown as Float32Array]) {
      await expect(check((good) => ({ ...good, index }))).rejects.toThrow(size_of_map);
    }
    await expect(check((good) => ({ ...good, centers: good.embedding }))).rejects.toThrow(
      "its map centers is not a Float32Array of 3 x 2 x 3 x 5 elements",
    );
  });

  test("one is missing, or is not declared", async () => {
    await expect(check(({ index, pi }) => ({ index, pi }))).rejects.toThrow("lacks the map t");
    await expect(check((good) => good, INDEX_ONLY)).rejects.toThrow("gives the map pi, which");
  });

  test.each<[TeacherMap, number, string]>([
    ["index", 1.5, "relative depth at row 1, column 1 is 1.5; expected 0 to 1"],
    ["pi", -0.5, "pi at row 1, column 1 is -0.5"],
    ["t", 0, "t at row 1, column 1 is 0; expected a finite number above 0"],
    ["centers", -1, "centre at row 0, column 2, channel 0 is -1"],
    ["embedding", Number.NaN, "embedding at row 1, column 0, channel 1 is NaN"],
    ["depth_m", Infinity, "depth in metres at row 1, column 1 is Infinity"],
    ["mask", 0.5, "mask at row 1, column 1 is 0.5; expected 0 or 1"],
  ])("%s has a number it may not have", async (map, value, message) => {
    await expect(check(withValue(map, value))).rejects.toThrow(message);
  });
});
