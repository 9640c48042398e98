// Batches: normalisation, masks and focal scale of a sample; colour jitter by key.
import { expect, test } from "vitest";
import { drawJitter, jitterColors, type ColorJitter } from "../../src/data/augmentation.ts";
import { makeBatch } from "../../src/data/batch.ts";
import { resizeIntrinsics } from "../../src/data/camera.ts";
import { NUSCENES_CAMERAS } from "../../src/data/nuscenes_rig.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";

const SOURCE = { protocol: { name: "rig", min_m: 0.1, cap_m: 80 }, focalReference_px: 500 };
const SIZE = { height: 1, width: 4 };

const SAMPLE: RigSample = {
  id: "s",
  timestamp: "0",
  cameras: [NUSCENES_CAMERAS[0], NUSCENES_CAMERAS[3]].map((c) => resizeIntrinsics(c, SIZE)),
  images: Uint8Array.from({ length: 24 }, (_, i) => 10 * i),
  sparse_depth_m: Float32Array.of(0, 0.09, 5, 80, 79.9, 6, 0.11, 200),
  usable: Uint8Array.of(1, 1, 1, 1, 1, 0, 1, 1),
  groundTruth: [],
};

test("images are normalised and padded to four channels", () => {
  const { images } = makeBatch(SAMPLE, SOURCE, null);
  expect(images).toHaveLength(32);
  expect(images[5]).toBeCloseTo((40 / 255 - 0.45) / 0.225, 6);
  expect([3, 7, 31].map((i) => images[i])).toEqual([0, 0, 0]);
});

test("valid is depth strictly in range on usable pixels, usable is occlusion alone", () => {
  const { valid, usable, depth_m } = makeBatch(SAMPLE, SOURCE, null);
  expect([...valid]).toEqual([0, 0, 1, 0, 1, 0, 1, 0]);
  expect([...usable]).toEqual([1, 1, 1, 1, 1, 0, 1, 1]);
  expect(depth_m).toEqual(SAMPLE.sparse_depth_m);
});

test("the focal scale does not depend on the resolution", () => {
  const { focal_scale } = makeBatch(SAMPLE, SOURCE, null);
  NUSCENES_CAMERAS.filter((_, i) => i === 0 || i === 3).forEach((camera, v) => {
    expect(focal_scale[v]).toBeCloseTo((camera.fx * (640 / 1600)) / 500, 6);
  });
});

test("a draw is a matter of its key", () => {
  const draws = Array.from({ length: 200 }, (_, epoch) => drawJitter(1, epoch, "s"));
  const drawn = draws.filter((draw) => draw !== null);
  expect(drawn.length).toBeGreaterThan(70);
  expect(drawn.length).toBeLessThan(130);
  expect(drawJitter(1, 5, "s")).toEqual(draws[5]);
  expect(new Set(drawn.map(({ brightness }) => brightness)).size).toBe(drawn.length);
  expect(new Set(drawn.map(({ order }) => order.join())).size).toBeGreaterThan(12);
  for (const { brightness, contrast, saturation, hue } of drawn) {
    for (const factor of [brightness, contrast, saturation]) {
      expect(Math.abs(factor - 1)).toBeLessThanOrEqual(0.2);
    }
    expect(Math.abs(hue)).toBeLessThanOrEqual(0.1);
  }
});

const NONE: ColorJitter = { brightness: 1, contrast: 1, saturation: 1, hue: 0, order: [] };

function jittered(rgb: number[], change: Partial<ColorJitter>): number[] {
  const image = Float32Array.from(rgb);
  jitterColors(image, 1, { ...NONE, ...change });
  return [...image].map((value) => Math.round(value * 1e4) / 1e4);
}

test("brightness multiplies and clamps", () => {
  expect(jittered([0.5, 0.25, 0.9], { brightness: 1.2, order: ["brightness"] })).toEqual([
    0.6, 0.3, 1,
  ]);
});

test("contrast is about the view's own mean grey", () => {
  const image = [0.2, 0.2, 0.2, 0.6, 0.6, 0.6];
  expect(jittered(image, { contrast: 0.8, order: ["contrast"] })).toEqual([
    0.24, 0.24, 0.24, 0.56, 0.56, 0.56,
  ]);
});

test("saturation leaves grey alone and moves a colour from its own grey", () => {
  expect(jittered([0.4, 0.4, 0.4], { saturation: 1.2, order: ["saturation"] })).toEqual([
    0.4, 0.4, 0.4,
  ]);
  // Grey of pure red is 0.299.
  expect(jittered([1, 0, 0], { saturation: 0.8, order: ["saturation"] })).toEqual([
    0.8598, 0.0598, 0.0598,
  ]);
});

test("a third of a turn of hue takes red to green, and back again to red", () => {
  expect(jittered([0.9, 0.1, 0.1], { hue: 1 / 3, order: ["hue"] })).toEqual([0.1, 0.9, 0.1]);
  expect(jittered([0.1, 0.9, 0.1], { hue: -1 / 3, order: ["hue"] })).toEqual([0.9, 0.1, 0.1]);
  expect(jittered([0.8, 0.3, 0.5], { hue: 1, order: ["hue"] })).toEqual([0.8, 0.3, 0.5]);
  expect(jittered([0.5, 0.5, 0.5], { hue: 0.1, order: ["hue"] })).toEqual([0.5, 0.5, 0.5]);
});

test("one draw changes all views alike", () => {
  const twice = { ...SAMPLE, images: Uint8Array.from({ length: 24 }, (_, i) => 20 * (i % 12)) };
  const jitter: ColorJitter = { ...NONE, contrast: 0.9, hue: 0.05, order: ["contrast", "hue"] };
  const { images } = makeBatch(twice, SOURCE, jitter);
  expect(images.subarray(0, 16)).toEqual(images.subarray(16));
  expect(images).not.toEqual(makeBatch(twice, SOURCE, null).images);
});
