// The checks of a rig sample: every fault names the sample, the camera and the field.
import { expect, test } from "vitest";
import type { Camera } from "../../src/data/camera.ts";
import { checkedSample, type RigSample } from "../../src/data/rig_sample.ts";

function camera(name: string): Camera {
  const pose = { rotation: [1, 0, 0, 0], translation_m: [0, 0, 0] } as const;
  return { name, width: 3, height: 2, fx: 1, fy: 1, cx: 1, cy: 0.5, ...pose };
}

function sample(): RigSample {
  return {
    id: "s1",
    timestamp: "0",
    cameras: [camera("front"), camera("back")],
    images: new Uint8Array(36),
    sparse_depth_m: new Float32Array(12),
    usable: new Uint8Array(12).fill(1),
    groundTruth: [],
  };
}

test("a sample that fits is returned as it is", () => {
  const good = sample();
  expect(checkedSample(good)).toBe(good);
});

function mapWith(index: number, value: number): Float32Array {
  const map = new Float32Array(12);
  map[index] = value;
  return map;
}

const truth = (pixel: number, depth_m: number): RigSample["groundTruth"] => {
  const none = { height: 2, width: 3, pixels: new Uint32Array(0), depth_m: new Float32Array(0) };
  return [none, { ...none, pixels: Uint32Array.of(pixel), depth_m: Float32Array.of(depth_m) }];
};

test.each<[Partial<RigSample>, RegExp]>([
  [
    { sparse_depth_m: mapWith(10, NaN) },
    /sample s1, camera back: sparse_depth_m at row 1, column 1 is NaN/,
  ],
  [{ sparse_depth_m: mapWith(2, -1) }, /camera front: sparse_depth_m at row 0, column 2 is -1/],
  [{ dense_depth_m: mapWith(0, Infinity) }, /dense_depth_m at row 0, column 0 is Infinity/],
  [{ images: new Uint8Array(35) }, /sample s1: images has 35 elements; expected 36/],
  [{ usable: new Uint8Array(12).fill(255) }, /camera front: usable .* is 255; expected 0 or 1/],
  [{ groundTruth: truth(6, 1) }, /camera back: groundTruth has pixel 6 in 2x3 pixels/],
  [{ groundTruth: truth(0, NaN) }, /camera back: groundTruth at row 0, column 0 is NaN m/],
  [{ groundTruth: truth(0, 1).slice(0, 1) }, /groundTruth has 1 maps for 2 cameras/],
  [
    { cameras: [camera("front"), { ...camera("back"), width: 4 }] },
    /camera back: size 2x4 differs/,
  ],
  [{ cameras: [] }, /sample s1: no camera/],
  [{ cameras: [camera("back"), camera("back")] }, /sample s1: two cameras are named back/],
  [
    { cameras: [camera("front"), { ...camera("back"), fx: NaN }] },
    /sample s1: camera back: fx is NaN/,
  ],
  [
    { images: new Float32Array(36) as unknown as Uint8Array },
    /sample s1: images is not a Uint8Array/,
  ],
  [
    { sparse_depth_m: new Float64Array(12) as unknown as Float32Array },
    /sample s1: sparse_depth_m is not a Float32Array/,
  ],
])("fault %#", (change, message) => {
  expect(() => checkedSample({ ...sample(), ...change })).toThrow(message);
});
