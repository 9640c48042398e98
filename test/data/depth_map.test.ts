// Depth maps from points: which pixel, which of two points, and what is dropped.
import { expect, test } from "vitest";
import { groundTruth, resizeSparse, splatPoints } from "../../src/data/depth_map.ts";
import type { Camera } from "../../src/data/camera.ts";

const CAMERA: Camera = {
  name: "front",
  width: 4,
  height: 2,
  fx: 1,
  fy: 1,
  cx: 1,
  cy: 0,
  rotation: [1, 0, 0, 0],
  translation_m: [0, 0, 0],
};

function splat(...points: number[]): number[] {
  const map = new Float32Array(8);
  splatPoints(map, CAMERA, CAMERA, Float64Array.from(points), 3);
  return [...map];
}

test("a point lands on the pixel whose centre is nearest", () => {
  // u = 1 + 0.9 / 2 = 1.45, v = 1.2 / 2 = 0.6
  expect(splat(0.9, 1.2, 2)).toEqual([0, 0, 0, 0, 0, 2, 0, 0]);
});

test("the nearest of two points wins, in either order", () => {
  expect(splat(0, 0, 5, 0, 0, 3)[1]).toBe(3);
  expect(splat(0, 0, 3, 0, 0, 5)[1]).toBe(3);
});

test("points behind the camera, at its centre and outside the image are dropped", () => {
  expect(splat(0, 0, -3, 0, 0, 0, 9, 0, 1, 0, 5, 1, -9, 0, 1)).toEqual(Array(8).fill(0));
});

test("the image's border belongs to it: u from -1/2 to width - 1/2", () => {
  expect(splat(-1.5, 0, 1)[0]).toBe(1);
  expect(splat(-1.51, 0, 1)[0]).toBe(0);
  expect(splat(2.49, 0, 1)[3]).toBe(1);
  expect(splat(2.5, 0, 1)[3]).toBe(0);
});

test("the pose moves the points before they are projected", () => {
  const map = new Float32Array(8);
  const back = { rotation: [1, 0, 0, 0], translation_m: [0, 0, 4] } as const;
  splatPoints(map, CAMERA, back, Float32Array.of(0, 0, 3, 0.7), 4);
  expect(map[1]).toBe(7);
});

test("ground truth lists the pixels with a depth", () => {
  const truth = groundTruth(Float32Array.of(0, 2, 0, 0, 5, 0, 0, 0), CAMERA);
  expect([...truth.pixels]).toEqual([1, 4]);
  expect([...truth.depth_m]).toEqual([2, 5]);
});

test("a sparse map halved keeps the nearest depth of each 2 x 2", () => {
  const truth = groundTruth(Float32Array.of(0, 2, 0, 0, 5, 1, 0, 9), CAMERA);
  const half = new Float32Array(2);
  resizeSparse(half, truth, { height: 1, width: 2 });
  expect([...half]).toEqual([1, 9]);
});
