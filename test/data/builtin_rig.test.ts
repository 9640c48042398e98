// The built-in rig: LiDAR and dense truth describe one street, splits differ, the same key the same
// bytes, and the share of pixels with a sparse depth.
import { expect, test } from "vitest";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import { sampleShape, type RigSample } from "../../src/data/rig_sample.ts";

const SIZE = { height: 96, width: 160 };
const SMALL = { height: 32, width: 64 };

const train = builtinRig({ split: "train", seed: 0, moments: 48 });

/** Smallest and largest true depth of a pixel and its eight neighbours within the image. */
function neighbourhood(sample: RigSample, pixel: number): [number, number] {
  const [, height, width] = sampleShape(sample);
  const row = Math.floor(pixel / width) % height;
  const column = pixel % width;
  const depths: number[] = [];
  for (const down of [-1, 0, 1]) {
    for (const right of [-1, 0, 1]) {
      if (row + down < 0 || row + down >= height) continue;
      if (column + right < 0 || column + right >= width) continue;
      depths.push(sample.dense_depth_m![pixel + down * width + right] || Infinity);
    }
  }
  return [Math.min(...depths), Math.max(...depths)];
}

function lidarCount({ sparse_depth_m }: RigSample): number {
  return sparse_depth_m.filter((depth_m) => depth_m > 0).length;
}

test("LiDAR depth agrees with the dense truth of its pixel", async () => {
  const sample = await train.sample(0, SIZE);
  let points = 0;
  let close = 0;
  let inFront = 0;
  let behind = 0;
  sample.sparse_depth_m.forEach((depth_m, pixel) => {
    if (depth_m === 0) return;
    points++;
    const truth = sample.dense_depth_m![pixel];
    if (Math.abs(depth_m - truth) < 0.05 * truth) close++;
    const [nearest, furthest] = neighbourhood(sample, pixel);
    if (depth_m < nearest * 0.98) inFront++;
    if (depth_m > furthest * 1.02) behind++;
  });
  expect(points).toBeGreaterThan(1000);
  // A point lies anywhere in its pixel: on slanted ground far away that is more than 5 %
  // (six moments: 0.942 to 0.974 are closer). From the roof the LiDAR also sees what is hidden from
  // a camera (0.5 to 2.6 %), as a real one does; the other way round is all but impossible.
  expect(close / points).toBeGreaterThan(0.92);
  expect(behind / points).toBeLessThan(0.04);
  expect(inFront / points).toBeLessThan(0.004);
});

test.each([0, 7, 23])("moment %i has a sparse depth on 2 to 5 %% of its pixels", async (index) => {
  const { sparse_depth_m } = await train.sample(index, SIZE);
  const share = sparse_depth_m.filter((depth_m) => depth_m > 0).length / sparse_depth_m.length;
  expect(share).toBeGreaterThan(0.02);
  expect(share).toBeLessThan(0.05);
});

test("the share of sparse depth does not depend on the size", async () => {
  const { sparse_depth_m } = await train.sample(0, { height: 192, width: 320 });
  const share = sparse_depth_m.filter((depth_m) => depth_m > 0).length / sparse_depth_m.length;
  expect(share).toBeGreaterThan(0.02);
  expect(share).toBeLessThan(0.05);
});

test("a moment is the same bytes every time, another seed or split another street", async () => {
  const first = await train.sample(3, SMALL);
  const again = await builtinRig({ split: "train", seed: 0, moments: 4 }).sample(3, SMALL);
  expect(again).toEqual(first);
  for (const other of [
    await train.sample(4, SMALL),
    await builtinRig({ split: "train", seed: 1, moments: 4 }).sample(3, SMALL),
    await builtinRig({ split: "held-out", seed: 0, moments: 4 }).sample(3, SMALL),
  ]) {
    expect(other.id).not.toBe(first.id);
    expect(other.images).not.toEqual(first.images);
    expect(other.dense_depth_m).not.toEqual(first.dense_depth_m);
  }
});

test("ground truth is the dense truth, and the sky is none", async () => {
  const sample = await train.sample(0, SMALL);
  const { pixels, depth_m } = sample.groundTruth[0];
  const dense = sample.dense_depth_m!.subarray(0, SMALL.height * SMALL.width);
  expect(pixels.length).toBe(dense.filter((depth) => depth > 0).length);
  expect(pixels.length).toBeLessThan(dense.length);
  expect(depth_m[0]).toBe(dense[pixels[0]]);
});

test("the ground stands where the geometry says", async () => {
  // In the lowest row of the front camera lies road, unless a car does: of several moments, one is
  // free.
  const depths: number[] = [];
  let expected_m = 0;
  for (const index of [0, 1, 2, 3]) {
    const sample = await train.sample(index, SIZE);
    const front = sample.cameras[0];
    depths.push(sample.dense_depth_m![95 * 160 + 80]);
    // A level camera 1.51 m up sees the ground at depth h fy / (v - cy); this one is level to 0.5
    // deg.
    expected_m = (front.translation_m[2] * front.fy) / (95 - front.cy);
  }
  expect(Math.min(...depths.map((depth) => Math.abs(depth - expected_m)))).toBeLessThan(0.15);
});

test("a rig without moments is refused", () => {
  expect(() => builtinRig({ split: "train", seed: 0, moments: 0 })).toThrow(/0 moments/);
});

test.each([0, 3, 64, 0.5])("a LiDAR of %d beams is refused", (beams) => {
  expect(() => builtinRig({ split: "train", seed: 0, moments: 1, beams })).toThrow(/beams/);
});

test("a LiDAR of fewer beams has some of the same points, spread over the elevations", async () => {
  const options = { split: "train", seed: 0, moments: 1 } as const;
  const full = await train.sample(0, SMALL);
  expect(await builtinRig({ ...options, beams: 32 }).sample(0, SMALL)).toEqual(full);
  for (const beams of [16, 8, 4]) {
    const source = builtinRig({ ...options, beams });
    expect(source.describe()).toContain(`LiDAR of ${beams} beams`);
    const sample = await source.sample(0, SMALL);
    // The lowest beams meet the road close to the vehicle, the highest the sky.
    const share = lidarCount(sample) / lidarCount(full);
    expect(share).toBeGreaterThan((0.7 * beams) / 32);
    expect(share).toBeLessThan((1.5 * beams) / 32);
    // Where two points share a pixel the nearer is kept, which may be of a beam that is left out.
    const strangers = sample.sparse_depth_m.filter((depth_m, pixel) => {
      const known_m = full.sparse_depth_m[pixel];
      return depth_m > 0 && !(known_m > 0 && known_m <= depth_m);
    });
    expect(strangers).toHaveLength(0);
    expect({ ...sample, sparse_depth_m: 0 }).toEqual({ ...full, sparse_depth_m: 0 });
  }
});

test("a car in view hides the lower edge of every camera, near and without any truth", async () => {
  const options = { split: "train", seed: 0, moments: 2 } as const;
  const bare = await train.sample(0, SMALL);
  const source = builtinRig({ ...options, body: "car" });
  const sample = await source.sample(0, SMALL);
  expect(sample.id).toBe(bare.id);
  expect(await source.identify(0)).not.toEqual(await train.identify(0));
  const plane = SMALL.height * SMALL.width;
  const covered = sample.cameras.map((camera, view) => {
    const usable = sample.usable.subarray(view * plane, (view + 1) * plane);
    const truth = new Set(sample.groundTruth[view].pixels);
    const hidden: number[] = [];
    const wrong: number[] = [];
    usable.forEach((flag, pixel) => {
      const at = view * plane + pixel;
      const depth_m = sample.dense_depth_m![at];
      const isNear = depth_m > 0.4 && depth_m < 1.5;
      const isBare = sample.sparse_depth_m[at] === 0 && !truth.has(pixel);
      const isWorld = depth_m === bare.dense_depth_m![at] && truth.has(pixel) === depth_m > 0;
      if (flag === 0) hidden.push(pixel);
      if (flag === 0 ? !(isNear && isBare) : !isWorld) wrong.push(pixel);
    });
    expect(wrong, camera.name).toEqual([]);
    expect(usable.subarray(plane - SMALL.width), camera.name).toContain(0);
    return Math.round((100 * hidden.length) / plane);
  });
  expect(covered).toEqual([5, 12, 26, 7, 26, 12]);
  // The body is the same in every moment; the LiDAR sees most of the world past it.
  expect((await source.sample(1, SMALL)).usable).toEqual(sample.usable);
  expect(lidarCount(sample)).toBeGreaterThan(0.6 * lidarCount(bare));
});
