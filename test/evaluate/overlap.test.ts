// The truth that two cameras see, and the agreement of their predictions there.
import { expect, it } from "vitest";
import { unproject, type Camera } from "../../src/data/camera.ts";
import { compose, rotate, type Pose } from "../../src/data/pose.ts";
import type { GroundTruth } from "../../src/data/rig_sample.ts";
import { overlapTruth, pointAgreementMeter } from "../../src/evaluate/overlap.ts";

const [HEIGHT, WIDTH] = [6, 40];
const PLANE = HEIGHT * WIDTH;
const RADIUS_M = 20;
const FORWARD: Pose = { rotation: [0.5, -0.5, 0.5, -0.5], translation_m: [1, 0, 1.5] };

/** A camera 1 m from the axis that looks `yaw_deg` to the left, 80 degrees wide. */
function cameraAt(name: string, yaw_deg: number): Camera {
  const half = (yaw_deg * Math.PI) / 360;
  const turn: Pose = { rotation: [Math.cos(half), 0, 0, Math.sin(half)], translation_m: [0, 0, 0] };
  const principal = { cx: (WIDTH - 1) / 2, cy: (HEIGHT - 1) / 2 };
  return {
    name,
    height: HEIGHT,
    width: WIDTH,
    fx: 24,
    fy: 24,
    ...principal,
    ...compose(turn, FORWARD),
  };
}
const RING = [0, 60, 120, 180, 240, 300].map((yaw_deg) => cameraAt(`camera ${yaw_deg}`, yaw_deg));

/** z-depth of a sphere of RADIUS_M about the origin: every point has that distance. */
function sphere(camera: Camera): Float32Array {
  return Float32Array.from({ length: PLANE }, (_, pixel) => {
    const ray = rotate(
      camera.rotation,
      unproject(camera, pixel % WIDTH, Math.floor(pixel / WIDTH), 1),
    );
    const from = camera.translation_m;
    const dot = (a: readonly number[], b: readonly number[]): number =>
      a.reduce((sum, value, i) => sum + value * b[i], 0);
    const [a, b, c] = [dot(ray, ray), dot(ray, from), dot(from, from) - RADIUS_M ** 2];
    return (-b + Math.sqrt(b * b - a * c)) / a;
  });
}

const whole = (depth_m: Float32Array): GroundTruth => ({
  height: HEIGHT,
  width: WIDTH,
  pixels: Uint32Array.from({ length: PLANE }, (_, pixel) => pixel),
  depth_m,
});
const MAPS = RING.map(sphere);
const ALL = Float32Array.from(MAPS.flatMap((map) => [...map]));

it("keeps the outer columns of each view, from which neighbours see the same points", () => {
  const truths = overlapTruth(RING, MAPS.map(whole));
  for (const { pixels } of truths) {
    const columns = new Set([...pixels].map((pixel) => pixel % WIDTH));
    expect(columns.has(0) && columns.has(WIDTH - 1)).toBe(true);
    expect(columns.has(WIDTH / 2)).toBe(false);
  }
  // The ring is symmetric.
  expect(new Set(truths.map(({ pixels }) => pixels.length)).size).toBe(1);
  const count = truths[0].pixels.length;
  expect(count).toBeGreaterThan(0);
  expect(count).toBeLessThan(PLANE / 2);
  // Two cameras that look apart share nothing; one camera has no neighbour.
  const apart = [RING[0], RING[3]];
  expect(overlapTruth(apart, [MAPS[0], MAPS[3]].map(whole)).map((t) => t.pixels.length)).toEqual([
    0, 0,
  ]);
  expect(overlapTruth([RING[0]], [whole(MAPS[0])])[0].pixels).toHaveLength(0);
});

it("uses the size of the truth, whatever that of the predictions", () => {
  const small = RING.map((camera) => ({
    ...camera,
    width: WIDTH / 2,
    height: HEIGHT / 2,
    fx: 12,
    fy: 12,
    cx: (WIDTH / 2 - 1) / 2,
    cy: (HEIGHT / 2 - 1) / 2,
  }));
  expect(overlapTruth(small, MAPS.map(whole))).toEqual(overlapTruth(RING, MAPS.map(whole)));
});

it("compares distances from the vehicle, not depths of two cameras", () => {
  const meter = pointAgreementMeter({ min_m: 0.1, cap_m: 80 });
  expect(meter.result()).toBeNull();
  meter.add({ depth_m: ALL, cameras: RING, groundTruth: MAPS.map(whole) });
  const { all, points, cameras } = meter.result()!;
  expect(points).toBe(6 * overlapTruth(RING, MAPS.map(whole))[0].pixels.length);
  expect(all.abs_rel).toBeLessThan(1e-6);
  expect(all.a1).toBe(1);
  expect(Object.keys(cameras)).toEqual(RING.map(({ name }) => name));
});

it("shows a camera that predicts another distance than its neighbours, from both sides", () => {
  const wrong = ALL.map((depth_m, i) => (i < PLANE ? 2 * depth_m : depth_m));
  const meter = pointAgreementMeter({ min_m: 0.1, cap_m: 80 });
  meter.add({ depth_m: wrong, cameras: RING, groundTruth: MAPS.map(whole) });
  const { cameras } = meter.result()!;
  // Its own distance is nearly doubled, which its neighbours see on one of their sides.
  expect(cameras["camera 0"].abs_rel).toBeGreaterThan(0.4);
  expect(cameras["camera 0"].abs_rel).toBeLessThan(0.5);
  expect(cameras["camera 60"].abs_rel).toBeGreaterThan(0.4);
  expect(cameras["camera 120"].abs_rel).toBeLessThan(1e-6);
});
