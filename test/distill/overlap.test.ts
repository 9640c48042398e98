// The weights of the relation `overlap`: which tokens of neighbours can share a place.
import { describe, expect, test } from "vitest";
import { project, resizeIntrinsics, unproject, type Camera } from "../../src/data/camera.ts";
import { NUSCENES_CAMERAS } from "../../src/data/nuscenes_rig.ts";
import { compose, inverse, transform, type Quaternion } from "../../src/data/pose.ts";
import { overlapWeights } from "../../src/distill/overlap.ts";

const GRID = [6, 10] as const;
const L = GRID[0] * GRID[1];
const RIG = NUSCENES_CAMERAS.map((camera) => resizeIntrinsics(camera, { height: 96, width: 160 }));
const WEIGHTS = overlapWeights(RIG, GRID);
const pairOf = (weights: Float32Array, pair: number): Float32Array =>
  weights.subarray(pair * L * L, (pair + 1) * L * L);
const sum = (x: Float32Array): number => x.reduce((total, v) => total + v, 0);

/** A camera that looks along a yaw, at the origin. */
function looking(name: string, yaw: number): Camera {
  // the camera frame in the vehicle frame, then turned about the vehicle's z
  const forward: Quaternion = [0.5, -0.5, 0.5, -0.5];
  const turn: Quaternion = [Math.cos(yaw / 2), 0, 0, Math.sin(yaw / 2)];
  const none = [0, 0, 0] as const;
  const pose = compose(
    { rotation: turn, translation_m: [...none] },
    { rotation: forward, translation_m: [...none] },
  );
  return { ...pose, name, width: 160, height: 96, fx: 80, fy: 80, cx: 79.5, cy: 47.5 };
}

describe("on a rig of six cameras", () => {
  test("are finite, not negative, and of mean 1 over each pair", () => {
    expect(WEIGHTS.length).toBe(6 * L * L);
    expect(WEIGHTS.every((v) => v >= 0 && v < Infinity)).toBe(true);
    for (let pair = 0; pair < 6; pair++) {
      expect(sum(pairOf(WEIGHTS, pair)) / (L * L)).toBeCloseTo(1, 4);
    }
  });

  test("lie on the facing sides: left columns of a view, right columns of the next", () => {
    const first = pairOf(WEIGHTS, 0);
    let facing = 0;
    first.forEach((weight, at) => {
      const [i, j] = [Math.floor(at / L) % GRID[1], (at % L) % GRID[1]];
      if (i < 5 && j >= 5) facing += weight;
    });
    expect(facing / sum(first)).toBeGreaterThan(0.99);
  });

  test("are larger for two tokens that a point shows in than for others", () => {
    const [front, left] = RIG;
    const pose = compose(inverse(left), front);
    const [u, v] = [4, 47.5];
    const [x, y] = project(left, transform(pose, unproject(front, u, v, 12)));
    expect(x > 0 && x < 160 && y > 0 && y < 96).toBe(true);
    const token = (column: number, row: number): number =>
      Math.floor((row / 96) * GRID[0]) * GRID[1] + Math.floor((column / 160) * GRID[1]);
    const first = pairOf(WEIGHTS, 0);
    expect(first[token(u, v) * L + token(x, y)]).toBeGreaterThan(10);
    expect(first[token(100, v) * L + token(x, y)]).toBe(0);
  });
});

test("of two equal cameras are largest between equal tokens, and symmetric", () => {
  const weights = overlapWeights([looking("a", 0), looking("b", 0)], GRID);
  for (let i = 0; i < L; i++) {
    const row = weights.subarray(i * L, (i + 1) * L);
    expect(row.indexOf(row.reduce((most, v) => Math.max(most, v), 0))).toBe(i);
    for (let j = 0; j < L; j++) expect(row[j]).toBeCloseTo(weights[j * L + i], 6);
  }
});

test("of cameras back to back, and of one camera, are none", () => {
  const weights = overlapWeights([looking("front", 0), looking("back", Math.PI)], GRID);
  expect(weights.length).toBe(L * L);
  expect(weights.every((v) => v === 0)).toBe(true);
  expect(overlapWeights([looking("front", 0)], GRID).length).toBe(0);
});

test("do not depend on the resolution of the images", () => {
  const small = overlapWeights(
    RIG.map((camera) => resizeIntrinsics(camera, { height: 64, width: 64 })),
    GRID,
  );
  small.forEach((v, i) => expect(v).toBeCloseTo(WEIGHTS[i], 3));
});
