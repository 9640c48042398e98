// The built-in rig's teacher: right enough to learn shape from, wrong enough to be no truth, and
// without metres.
import { describe, expect, test } from "vitest";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import { sampleShape, type RigSample } from "../../src/data/rig_sample.ts";
import { builtinTeacher } from "../../src/teacher/builtin_teacher.ts";
import { areaAverage } from "../../src/teacher/relative_depth.ts";
import { openTeacher } from "../../src/teacher/open_teacher.ts";
import { InputError } from "../../src/tensor/error.ts";
import { indexOf } from "../support/teacher_index.ts";

const SIZE = { height: 64, width: 96 };
const HALF = { height: 32, width: 48 };
const PLANE = HALF.height * HALF.width;

const source = builtinRig({ split: "train", seed: 0, moments: 4 });
const sample = await source.sample(1, SIZE);
const teacher = builtinTeacher(0);

/** True distance of each pixel at half size, by disparity so that the sky is farthest. */
function trueDistance(view: number): Float32Array {
  const [, height, width] = sampleShape(sample);
  const depth_m = sample.dense_depth_m!.subarray(
    view * height * width,
    (view + 1) * height * width,
  );
  const disparity = depth_m.map((d) => (d > 0 ? 1 / d : 0));
  return areaAverage(disparity, SIZE, HALF).map((d) => -d);
}

/** Ranks with ties at their mean. */
function ranks(values: Float32Array): Float64Array {
  const order = [...values.keys()].toSorted((a, b) => values[a] - values[b]);
  const rank = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) rank[order[i]] = (start + end - 1) / 2;
    start = end;
  }
  return rank;
}

/** Spearman's rank correlation. */
function spearman(a: Float32Array, b: Float32Array): number {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (x.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((rank, i) => {
    xy += (rank - mean) * (y[i] - mean);
    xx += (rank - mean) ** 2;
    yy += (y[i] - mean) ** 2;
  });
  return xy / Math.sqrt(xx * yy);
}

describe("the built-in teacher", () => {
  test("orders the pixels of every view nearly as the truth does, and not quite", async () => {
    const map = await indexOf(teacher, sample, HALF);
    expect(map).toHaveLength(sample.cameras.length * PLANE);
    for (const view of sample.cameras.keys()) {
      const plane = map.subarray(view * PLANE, (view + 1) * PLANE);
      const correlation = spearman(plane, trueDistance(view));
      expect(correlation, sample.cameras[view].name).toBeGreaterThan(0.9);
      expect(correlation, sample.cameras[view].name).toBeLessThan(0.9999);
    }
  });

  test("gives each view numbers from 0 to 1, both reached", async () => {
    const map = await indexOf(teacher, sample, HALF);
    for (const view of sample.cameras.keys()) {
      const plane = map.subarray(view * PLANE, (view + 1) * PLANE);
      expect([Math.min(...plane), Math.max(...plane)]).toEqual([0, 1]);
    }
  });

  test("knows no metres: a scene twice as large looks the same", async () => {
    const twice: RigSample = { ...sample, dense_depth_m: sample.dense_depth_m!.map((d) => 2 * d) };
    const [map, other] = [
      await indexOf(teacher, sample, HALF),
      await indexOf(teacher, twice, HALF),
    ];
    const worst = map.reduce((most, v, i) => Math.max(most, Math.abs(v - other[i])), 0);
    expect(worst).toBeLessThan(1e-4); // f32 of a shifted disparity
  });

  test("errs the same way each time, and otherwise with another seed or sample", async () => {
    const map = await indexOf(teacher, sample, HALF);
    expect(await indexOf(builtinTeacher(0), sample, HALF)).toEqual(map);
    expect(await indexOf(builtinTeacher(1), sample, HALF)).not.toEqual(map);
    expect(await indexOf(teacher, { ...sample, id: "another" }, HALF)).not.toEqual(map);
  });

  test("needs the truth of every pixel", async () => {
    const { dense_depth_m, ...sparse } = sample;
    expect(dense_depth_m).toBeDefined();
    const wrong = indexOf(teacher, sparse, HALF);
    await expect(wrong).rejects.toThrow(InputError);
    await expect(wrong).rejects.toThrow(
      `sample ${sample.id}: the built-in teacher needs dense depth; use teacher: files or none`,
    );
  });
});

describe("choosing a teacher", () => {
  const open = async (
    kind: "auto" | "builtin" | "files" | "none",
    data: string,
  ): Promise<string | null> => (await openTeacher({ kind, path: null }, data, 0))?.name ?? null;

  test("auto is the built-in one for the rig and none for other data", async () => {
    expect(await open("auto", "rig")).toMatch(/^built-in/);
    expect(await open("auto", "ddad:somewhere")).toBeNull();
    expect(await open("none", "rig")).toBeNull();
  });

  test("what does not fit is refused, with what would", async () => {
    await expect(open("builtin", "ddad:somewhere")).rejects.toThrow(
      "teacher.kind builtin needs data rig, not ddad:somewhere",
    );
    await expect(open("files", "rig")).rejects.toThrow(
      "teacher.kind is files: give teacher.path, the folder of its maps",
    );
  });
});
