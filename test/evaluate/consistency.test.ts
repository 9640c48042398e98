// Consistency between ring neighbours, in a room whose true depth is known in closed form.
import { describe, expect, it } from "vitest";
import { consistencyMeter } from "../../src/evaluate/consistency.ts";
import { unproject, type Camera } from "../../src/data/camera.ts";
import { compose, rotate, type Pose } from "../../src/data/pose.ts";

const [HEIGHT, WIDTH] = [24, 40];
const RADIUS_M = 20;

// Optical axis forward: camera z to vehicle x, camera x to the right, camera y down.
const FORWARD: Pose = { rotation: [0.5, -0.5, 0.5, -0.5], translation_m: [0, 0, 1.5] };

/** A camera 1.5 m above the ground that looks `yaw_deg` to the left, 80 degrees wide. */
function cameraAt(name: string, yaw_deg: number): Camera {
  const half = (yaw_deg * Math.PI) / 360;
  const turn: Pose = { rotation: [Math.cos(half), 0, 0, Math.sin(half)], translation_m: [0, 0, 0] };
  const principal = { cx: (WIDTH - 1) / 2, cy: (HEIGHT - 1) / 2 };
  const size = { height: HEIGHT, width: WIDTH };
  return { name, ...size, fx: 24, fy: 24, ...principal, ...compose(turn, FORWARD) };
}

const RING = [0, 60, 120, 180, 240, 300].map((yaw_deg, v) => cameraAt(`camera ${v}`, yaw_deg));

/** z-depth of a round tower wall of RADIUS_M about the origin, seen by every camera. */
function towerDepth(cameras: readonly Camera[]): Float64Array {
  const depth_m = new Float64Array(cameras.length * HEIGHT * WIDTH);
  cameras.forEach((camera, view) => {
    for (let pixel = 0; pixel < HEIGHT * WIDTH; pixel++) {
      const ray = unproject(camera, pixel % WIDTH, Math.floor(pixel / WIDTH), 1);
      const [dx, dy] = rotate(camera.rotation, ray);
      const [ox, oy] = camera.translation_m;
      const a = dx * dx + dy * dy;
      const b = ox * dx + oy * dy;
      const c = ox * ox + oy * oy - RADIUS_M ** 2;
      depth_m[view * HEIGHT * WIDTH + pixel] = (-b + Math.sqrt(b * b - a * c)) / a;
    }
  });
  return depth_m;
}

function consistencyOf(
  depth_m: Float64Array,
  cameras: readonly Camera[],
): ReturnType<ReturnType<typeof consistencyMeter>["result"]> {
  const meter = consistencyMeter();
  meter.add(depth_m, cameras);
  return meter.result();
}

describe("consistency", () => {
  it("finds true depth consistent, up to reading between pixels", () => {
    const moved = RING.map((camera, v) => ({
      ...camera,
      translation_m: [0.3 * v, 0.1, 1.5] as const,
    }));
    const got = consistencyOf(towerDepth(moved), moved);
    expect(got.pairs).toHaveLength(12);
    expect(got.all!.relative).toBeLessThan(2e-3);
    expect(got.pairs.every(({ pixels }) => pixels > 20)).toBe(true);
  });

  it("sees one camera that is a tenth too far, in its four pairs only", () => {
    const depth_m = towerDepth(RING);
    for (let pixel = 0; pixel < HEIGHT * WIDTH; pixel++) depth_m[2 * HEIGHT * WIDTH + pixel] *= 1.1;
    const { pairs } = consistencyOf(depth_m, RING);
    expect(pairs).toHaveLength(12);
    // The cameras share one centre, so the other view's point lies on the same ray.
    for (const { from, to, relative } of pairs) {
      if (from === "camera 2") expect(relative).toBeCloseTo(1 - 1 / 1.1, 2);
      else if (to === "camera 2") expect(relative).toBeCloseTo(0.1, 2);
      else expect(relative).toBeLessThan(2e-3);
    }
  });

  it("is blind to a scale all cameras share when they share a centre", () => {
    const doubled = towerDepth(RING).map((depth) => 2 * depth);
    expect(consistencyOf(doubled, RING).all!.relative).toBeLessThan(2e-3);
    expect(consistencyOf(doubled, RING).all!.metres).toBeGreaterThan(0);
  });

  it("has no mean where no pair overlaps", () => {
    const apart = [cameraAt("front", 0), cameraAt("back", 180)];
    expect(consistencyOf(towerDepth(apart), apart)).toEqual({ pairs: [] });
  });

  it("refuses arrays that do not fit and depth that is none", () => {
    expect(() => consistencyOf(new Float64Array(5), RING)).toThrow(/5 elements; 6 cameras/);
    const holes = towerDepth(RING);
    holes[7] = 0;
    expect(() => consistencyOf(holes, RING)).toThrow(
      /row \d, column \d of .* is 0 m, not a distance/,
    );
  });
});
