// The teachers that know metres: a model fitted to LiDAR, and the truth itself.
import { describe, expect, test } from "vitest";
import { makeBatch } from "../../src/data/batch.ts";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { alignedTeacher } from "../../src/teacher/aligned_teacher.ts";
import { builtinModel } from "../../src/teacher/builtin_teacher.ts";
import { checkedMaps } from "../../src/teacher/checked_teacher.ts";
import { openTeacher } from "../../src/teacher/open_teacher.ts";
import { oracleTeacher } from "../../src/teacher/oracle_teacher.ts";
import { areaAverage } from "../../src/teacher/relative_depth.ts";
import { viewOf, type RelativeModel } from "../../src/teacher/relative_model.ts";
import type { Teacher } from "../../src/teacher/teacher.ts";

const SIZE = { height: 64, width: 96 };
const HALF = { height: 32, width: 48 };
const PLANE = HALF.height * HALF.width;
const BINS = 64;

const source = builtinRig({ split: "train", seed: 0, moments: 1 });
const sample = await source.sample(0, SIZE);
const oracle = oracleTeacher(source);

interface MetricMaps {
  readonly index: Float32Array;
  readonly depth_m: Float32Array;
  readonly mask: Float32Array;
}

async function mapsOf(teacher: Teacher, of: RigSample = sample): Promise<MetricMaps> {
  return (await checkedMaps(teacher, of, HALF, BINS)) as MetricMaps;
}

/** A model of another kind that knows the truth but for a scale and a shift. */
const depthModel: RelativeModel = {
  name: "depth",
  kind: "depth",
  maps: async ({ dense_depth_m }, size) => {
    const plane = SIZE.height * SIZE.width;
    const views = sample.cameras.map((_, view) =>
      areaAverage(viewOf(dense_depth_m!, view, plane), SIZE, size),
    );
    const all = views.flatMap((view) => [...view]);
    return await Promise.resolve(Float32Array.from(all, (depth_m) => 0.3 * depth_m - 4));
  },
};

/** The same in log depth; the sky is at the cap. */
const logModel: RelativeModel = {
  name: "log depth",
  kind: "log_depth",
  maps: async (of, size) => {
    const depths = await depthModel.maps(of, size);
    return depths.map((value) => {
      const depth_m = (value + 4) / 0.3;
      return 0.3 * Math.log(depth_m > 0.1 ? depth_m : 80) - 4;
    });
  },
};

/** Mean relative error of the depths that both have. */
function absRel(found_m: Float32Array, true_m: Float32Array): number {
  let [sum, count] = [0, 0];
  true_m.forEach((depth_m, i) => {
    if (depth_m === 0 || found_m[i] === 0) return;
    sum += Math.abs(found_m[i] / depth_m - 1);
    count++;
  });
  return sum / count;
}

describe("aligned", () => {
  test.each([
    ["disparity", builtinModel(0), 0.08],
    ["depth", depthModel, 0.06],
    ["log depth", logModel, 0.06],
  ])("a model of %s has the metres of the truth", async (_kind, model, limit) => {
    const teacher = alignedTeacher(model, source, (text) => expect.fail(text));
    const [found, truth] = [await mapsOf(teacher), await mapsOf(oracle)];
    expect(found.mask.every((value) => value === 1)).toBe(true);
    expect(absRel(found.depth_m, truth.depth_m)).toBeLessThan(limit);
    expect(await mapsOf(teacher)).toEqual(found);
  });

  test("views without a fit are masked; the first is named and all are counted", async () => {
    const messages: string[] = [];
    const teacher = alignedTeacher(builtinModel(0), source, (text) => messages.push(text));
    const sparse_depth_m = sample.sparse_depth_m.slice();
    viewOf(sparse_depth_m, 2, SIZE.height * SIZE.width).fill(0);
    const whole = await mapsOf(teacher);
    const part = await mapsOf(teacher, { ...sample, sparse_depth_m });
    const empty = {
      ...sample,
      id: "another",
      sparse_depth_m: new Float32Array(sparse_depth_m.length),
    };
    const none = await mapsOf(teacher, empty);
    teacher.close?.();
    expect(none.mask.every((value) => value === 0)).toBe(true);
    expect(none.depth_m.every((value) => value === 0)).toBe(true);
    for (const view of sample.cameras.keys()) {
      const isMasked = view === 2;
      expect(viewOf(part.mask, view, PLANE)[0]).toBe(isMasked ? 0 : 1);
      if (isMasked) continue;
      expect(viewOf(part.depth_m, view, PLANE)).toEqual(viewOf(whole.depth_m, view, PLANE));
    }
    expect(messages).toHaveLength(2);
    expect(messages[0]).toContain(`sample ${sample.id}, camera CAM_BACK_LEFT has no fit`);
    expect(messages[1]).toContain("7 of 12 views had no fit");
  });

  test("LiDAR on the vehicle's body does not count", async () => {
    const usable = sample.usable.slice();
    const sparse_depth_m = sample.sparse_depth_m.slice();
    for (const view of sample.cameras.keys()) {
      const lower = (SIZE.height / 2) * SIZE.width;
      viewOf(usable, view, 2 * lower).fill(0, lower);
      viewOf(sparse_depth_m, view, 2 * lower).fill(0.7, lower);
    }
    const teacher = alignedTeacher(depthModel, source, (text) => expect.fail(text));
    const { depth_m } = await mapsOf(teacher, { ...sample, usable, sparse_depth_m });
    expect(absRel(depth_m, (await mapsOf(oracle)).depth_m)).toBeLessThan(0.15);
  });
});

test("the oracle gives the truth, and no depth where there is none below the cap", async () => {
  const { index, depth_m, mask } = await mapsOf(oracle);
  expect(mask.every((value) => value === 1)).toBe(true);
  for (const view of sample.cameras.keys()) {
    const dense = viewOf(sample.dense_depth_m!, view, SIZE.height * SIZE.width);
    const disparity = dense.map((d) => (d > 0 ? 1 / d : 0));
    areaAverage(disparity, SIZE, HALF).forEach((value, pixel) => {
      const at = view * PLANE + pixel;
      const expected = value > 1 / 80 ? 1 / value : 0;
      if (Math.abs(depth_m[at] - expected) > 1e-5 * expected) expect.fail(`pixel ${at}`);
      if (expected === 0 && index[at] !== 1) expect.fail(`index of pixel ${at}`);
    });
  }
  const { dense_depth_m, ...sparse } = sample;
  expect(dense_depth_m).toBeDefined();
  await expect(mapsOf(oracle, sparse)).rejects.toThrow(/oracle teacher needs dense depth/);
});

test.each([500, 250])("at %d px the centre of an index is its depth, by camera", async (px) => {
  // Half of a camera's focal length, or twice the reference: metres stay, places shift alike.
  const scale = { protocol: source.protocol, focalReference_px: px };
  const cameras = sample.cameras.map((camera, v) =>
    v === 1 ? { ...camera, fx: camera.fx / 2 } : camera,
  );
  const seen = { ...sample, cameras };
  const { index, depth_m } = await mapsOf(oracleTeacher(scale), seen);
  const { focal_scale } = makeBatch(seen, scale, null);
  const cap_m = source.protocol.cap_m;
  let count = 0;
  index.forEach((place, at) => {
    if (place === 0 || place === 1 || depth_m[at] === 0) return;
    // The seed centres: log-spaced from 1 m to the cap, in units of it.
    const center = (1 / cap_m) ** (1 - place);
    const metres = center * cap_m * focal_scale[Math.floor(at / PLANE)];
    if (Math.abs(metres / depth_m[at] - 1) > 1e-4) expect.fail(`pixel ${at}: ${metres} m`);
    count++;
  });
  expect(count).toBeGreaterThan(0.5 * index.length);
  expect(new Set(focal_scale).size).toBeGreaterThan(2);
});

describe("opening", () => {
  const metric = { scale: source };

  test("aligned takes its base as auto does, oracle the rig", async () => {
    const aligned = await openTeacher({ kind: "aligned", path: null }, "rig", 0, metric);
    expect(aligned?.name).toMatch(/^aligned to LiDAR: built-in/);
    expect((await openTeacher({ kind: "oracle", path: null }, "rig", 0, metric))?.name).toMatch(
      /^oracle/,
    );
    const one = await aligned!.identity!(sample);
    const other = alignedTeacher(builtinModel(0), { ...source, focalReference_px: 1 });
    expect(await other.identity!(sample)).not.toBe(one);
  });

  test.each([
    [{ kind: "aligned", path: null }, "teacher.kind aligned on ddad:x needs a base"],
    [{ kind: "aligned", path: null, base: "builtin" }, "builtin needs data rig, not ddad:x"],
    [{ kind: "oracle", path: null }, "teacher.kind oracle needs data rig"],
  ] as const)("%j on other data is refused", async (choice, words) => {
    await expect(openTeacher(choice, "ddad:x", 0, metric)).rejects.toThrow(words);
  });
});
