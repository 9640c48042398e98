// Anchored predictions on the built-in rig, also as another car sees it: the error at least halves,
// anchors are never truth, and every run draws the same points.
import { beforeAll, expect, test } from "vitest";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { evaluator } from "../../src/evaluate/protocol.ts";
import { anchored, drawAnchors, type AnchoredMoment } from "../../src/train/anchored.ts";

const SIZE = { height: 64, width: 128 };
const PLANE = SIZE.height * SIZE.width;
const RANGE = { name: "rig", min_m: 0.1, cap_m: 80 };
const CALIBRATION = { focal: 1.2, height: 1.2 };
let sample: RigSample;

beforeAll(async () => {
  const options = { split: "held-out", seed: 0, moments: 1, calibration: CALIBRATION } as const;
  sample = await builtinRig(options).sample(0, SIZE);
});

const corrected = (moment: RigSample, depth_m: Float32Array, points: number): AnchoredMoment =>
  anchored(moment, depth_m, drawAnchors(moment, RANGE, points));

const isSame = (a: Float32Array, b: Float32Array): boolean => a.every((value, i) => value === b[i]);

/** A student's errors: a wrong scale, the lower rows and far depths wrong by more. */
function predicted(): Float32Array {
  return sample.dense_depth_m!.map((depth_m, i) => {
    const row = Math.floor((i % PLANE) / SIZE.width) / SIZE.height;
    return (depth_m > 0 ? depth_m ** 0.85 : 60) * (0.9 + 0.3 * row);
  });
}

test("on a rig of another calibration the error at least halves with 200 points per view", () => {
  const found = corrected(sample, predicted(), 200);
  expect(found.views.map(({ kind }) => kind)).toEqual(sample.cameras.map(() => "smooth"));
  for (const { points } of found.views) expect(points).toBeLessThanOrEqual(200);
  const score = (depth_m: Float32Array): number => {
    const names = sample.cameras.map(({ name }) => name);
    const metrics = evaluator(names, RANGE);
    metrics.add(depth_m, SIZE, found.groundTruth());
    return metrics.result().all.abs_rel;
  };
  expect(score(found.depth_m)).toBeLessThan(0.5 * score(predicted()));
});

test("no anchor is left in the truth, at its own and at another size", () => {
  const { groundTruth, views } = corrected(sample, predicted(), 50);
  sample.groundTruth.forEach((truth, view) => {
    const left = groundTruth()[view];
    expect(truth.pixels.length - left.pixels.length).toBe(views[view].points);
    const kept = new Set(left.pixels);
    const gone = [...truth.pixels].filter((pixel) => !kept.has(pixel));
    for (const pixel of gone)
      expect(sample.sparse_depth_m[view * PLANE + pixel]).toBeGreaterThan(0);
  });
  const twice = sample.groundTruth.map(() => ({
    height: 2 * SIZE.height,
    width: 2 * SIZE.width,
    pixels: Uint32Array.from({ length: 4 * PLANE }, (_, i) => i),
    depth_m: new Float32Array(4 * PLANE).fill(9),
  }));
  const larger = corrected({ ...sample, groundTruth: twice }, predicted(), 50);
  larger.groundTruth().forEach(({ pixels }, view) => {
    expect(pixels).toHaveLength(4 * (PLANE - views[view].points));
  });
});

test("the same points in every run; a view without LiDAR keeps its depth", () => {
  const depth_m = predicted();
  const [once, again] = [0, 1].map(() => corrected(sample, depth_m, 60));
  expect(again.views).toEqual(once.views);
  expect(isSame(again.depth_m, once.depth_m)).toBe(true);
  const blind = { ...sample, sparse_depth_m: sample.sparse_depth_m.slice().fill(0, 0, PLANE) };
  const found = corrected(blind, depth_m, 60);
  expect(found.views[0]).toEqual({ camera: "CAM_FRONT", points: 0, kind: "none", factor: 1 });
  expect(isSame(found.depth_m.slice(0, PLANE), depth_m.slice(0, PLANE))).toBe(true);
  const hidden = { ...sample, usable: sample.usable.slice().fill(0) };
  expect(isSame(corrected(hidden, depth_m, 60).depth_m, depth_m)).toBe(true);
});

test("a corrected depth that is no distance is refused, where a view is corrected and where it is not", () => {
  const drawn = drawAnchors(sample, RANGE, 60);
  const taken = new Set(drawn[0].pixels);
  const free = Array.from({ length: PLANE }, (_, pixel) => pixel).find((p) => !taken.has(p))!;
  for (const [wrong_m, anchors] of [
    [Number.NaN, drawn],
    [Infinity, drawn],
    [0, drawn],
    [-1, drawn],
    [Number.NaN, drawn.map(() => ({ pixels: new Uint32Array(), depth_m: new Float32Array() }))],
  ] as const) {
    const depth_m = predicted();
    depth_m[free] = wrong_m;
    expect(() => anchored(sample, depth_m, anchors)).toThrow("camera CAM_FRONT: the predicted");
  }
});

test("the calibration of the rig moves its cameras and names itself", async () => {
  const options = { split: "train", seed: 0, moments: 1 } as const;
  const [own, other] = [builtinRig(options), builtinRig({ ...options, calibration: CALIBRATION })];
  expect(other.cameras[0].fx).toBeCloseTo(1.2 * own.cameras[0].fx, 9);
  expect(other.cameras[0].translation_m[2]).toBeCloseTo(1.2 * own.cameras[0].translation_m[2], 9);
  expect((await own.identify(0)).content).toBe("built-in rig rig/0/train/0");
  expect((await other.identify(0)).content).toContain("focal length x 1.2, height x 1.2");
  const wrong = { ...options, calibration: { focal: 0, height: 1 } };
  expect(() => builtinRig(wrong)).toThrow("calibration focal is 0");
});
