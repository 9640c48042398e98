// From depth to points of the vehicle frame: intrinsics at the depth's size, order, omissions.
import { describe, expect, it } from "vitest";
import type { Camera } from "../../src/data/camera.ts";
import { NUSCENES_CAMERAS } from "../../src/data/nuscenes_rig.ts";
import { pointCloud } from "../../src/report/point_cloud.ts";

// Looks straight ahead from 1.5 m above the ground.
const AHEAD: Camera = {
  name: "front",
  height: 4,
  width: 8,
  fx: 4,
  fy: 4,
  cx: 3.5,
  cy: 1.5,
  rotation: [0.5, -0.5, 0.5, -0.5],
  translation_m: [2, 0, 1.5],
};

function images(count: number): Uint8Array {
  return Uint8Array.from({ length: 3 * count }, (_, i) => i);
}

describe("point cloud", () => {
  it("puts a pixel where its ray and depth meet, in the colour of the image", () => {
    const depth_m = new Float32Array(32);
    depth_m[1 * 8 + 7] = 10;
    const got = pointCloud({ height: 4, width: 8, depth_m, images: images(32) }, [AHEAD], 80);
    // u = 7, v = 1: 8.75 m to the right, 1.25 m up from the camera, 10 m ahead of it.
    expect([...got.positions_m]).toEqual([12, -8.75, 2.75]);
    expect([...got.colors]).toEqual([45, 46, 47]);
  });

  it("scales intrinsics with the border of the image fixed", () => {
    // At half size, pixel (0, 0) covers native pixels 0 and 1 of both axes: its centre is at 0.5.
    const half = { height: 2, width: 4, depth_m: new Float32Array(8), images: images(8) };
    half.depth_m[0] = 10;
    const got = pointCloud(half, [AHEAD], 80).positions_m;
    expect(got[1]).toBeCloseTo(-((0.5 - 3.5) / 4) * 10, 5);
    expect(got[2]).toBeCloseTo(1.5 - ((0.5 - 1.5) / 4) * 10, 5);
  });

  it("leaves out what has no depth, what is at the cap or beyond, and the vehicle itself", () => {
    const depth_m = Float32Array.from(
      { length: 32 },
      (_, i) => [5, 0, Number.NaN, 80, 200][i] ?? 6,
    );
    const usable = new Uint8Array(32).fill(1).fill(0, 6);
    const rig = { height: 4, width: 8, depth_m, images: images(32), usable };
    const { positions_m, colors } = pointCloud(rig, [AHEAD], 80);
    expect(positions_m).toHaveLength(6);
    expect([...colors]).toEqual([0, 1, 2, 15, 16, 17]);
  });

  it("joins the views of a real rig around the vehicle", () => {
    const pixels = 6 * 9 * 16;
    const depth_m = new Float32Array(pixels).fill(20);
    const rig = { height: 9, width: 16, depth_m, images: images(pixels) };
    const { positions_m } = pointCloud(rig, NUSCENES_CAMERAS, 80);
    const quadrants = new Set<string>();
    for (let i = 0; i < positions_m.length; i += 3) {
      quadrants.add(`${Math.sign(positions_m[i])} ${Math.sign(positions_m[i + 1])}`);
    }
    expect(positions_m).toHaveLength(3 * pixels);
    expect(quadrants.size).toBe(4);
    // The first view looks ahead: all of it lies in front.
    for (let i = 0; i < 3 * 9 * 16; i += 3) expect(positions_m[i]).toBeGreaterThan(15);
  });

  it("refuses arrays that do not fit", () => {
    const rig = { height: 4, width: 8, depth_m: new Float32Array(31), images: images(32) };
    expect(() => pointCloud(rig, [AHEAD], 80)).toThrow(/31 elements .* expected \[1, 4, 8\]/);
  });
});
