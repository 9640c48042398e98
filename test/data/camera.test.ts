// Cameras: projection and back, resized intrinsics, ring order, sizes as people type them.
import { expect, test } from "vitest";
import {
  checkedCamera,
  parseSize,
  project,
  resizeIntrinsics,
  ringOrder,
  ringPairs,
  unproject,
  yaw,
} from "../../src/data/camera.ts";
import { NUSCENES_CAMERAS } from "../../src/data/nuscenes_rig.ts";
import { InputError } from "../../src/tensor/error.ts";

const FRONT = NUSCENES_CAMERAS[0];

test("a point projected and lifted again is itself", () => {
  const [u, v, depth_m] = project(FRONT, [3, -2, 25]);
  unproject(FRONT, u, v, depth_m).forEach((value, axis) => {
    expect(value).toBeCloseTo([3, -2, 25][axis], 12);
  });
});

test("the principal axis meets the image at the principal point", () => {
  expect(project(FRONT, [0, 0, 7])).toEqual([FRONT.cx, FRONT.cy, 7]);
});

test("resizing keeps the direction of the image's border, not of a pixel's centre", () => {
  const small = resizeIntrinsics(FRONT, { height: 96, width: 160 });
  const left = (camera: typeof FRONT): number => (-0.5 - camera.cx) / camera.fx;
  const bottom = (camera: typeof FRONT): number => (camera.height - 0.5 - camera.cy) / camera.fy;
  expect(left(small)).toBeCloseTo(left(FRONT), 12);
  expect(bottom(small)).toBeCloseTo(bottom(FRONT), 12);
  expect(small.cx).toBeCloseTo((FRONT.cx + 0.5) * 0.1 - 0.5, 12);
  expect(small.fy).toBeCloseTo((FRONT.fy * 96) / 900, 12);
});

test("resizing down and up again gives the same camera", () => {
  const back = resizeIntrinsics(resizeIntrinsics(FRONT, { height: 96, width: 160 }), FRONT);
  for (const key of ["fx", "fy", "cx", "cy"] as const) expect(back[key]).toBeCloseTo(FRONT[key], 9);
});

test("the ring of nuScenes runs counter-clockwise from the front", () => {
  const shuffled = [3, 5, 0, 2, 4, 1].map((i) => NUSCENES_CAMERAS[i]);
  expect(ringOrder(shuffled).map(({ name }) => name)).toEqual([
    "CAM_FRONT",
    "CAM_FRONT_LEFT",
    "CAM_BACK_LEFT",
    "CAM_BACK",
    "CAM_BACK_RIGHT",
    "CAM_FRONT_RIGHT",
  ]);
  const degrees = NUSCENES_CAMERAS.map((camera) => Math.round((yaw(camera) * 180) / Math.PI));
  expect(degrees).toEqual([0, 55, 109, 180, -111, -56]);
});

test("neighbours in a ring are one apart, each pair once", () => {
  expect(ringPairs(6)).toHaveLength(6);
  expect(ringPairs(3)).toEqual([
    [0, 1],
    [1, 2],
    [2, 0],
  ]);
  expect(ringPairs(2)).toEqual([[0, 1]]);
  expect(ringPairs(1)).toEqual([]);
});

test("a size is read as height x width", () => {
  expect(parseSize("96x160")).toEqual({ height: 96, width: 160 });
});

test.each(["96x161", "95x160", "0x32", "96", "96X160", "96x160 ", "-96x160", "9.6x160"])(
  "size %j is refused",
  (text) => expect(() => parseSize(text)).toThrow(InputError),
);

test.each([
  [{ fx: 0 }, /rig\.json: camera CAM_FRONT: fx is 0/],
  [{ width: 160.5 }, /width is 160\.5/],
  [{ cy: NaN }, /principal point/],
  [{ rotation: [1, 1, 0, 0] as const }, /unit quaternion/],
])("a camera with %j is refused", (change, message) => {
  expect(() => checkedCamera({ ...FRONT, ...change }, "rig.json")).toThrow(message);
});
