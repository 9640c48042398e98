// Quaternions and rigid poses: hand-computed turns, inverses, and the lengths that are refused.
import { expect, test } from "vitest";
import {
  checkedPose,
  compose,
  inverse,
  rotate,
  transform,
  type Pose,
  type Quaternion,
  type Vector,
} from "../../src/data/pose.ts";
import { randomStream } from "../../src/tensor/random.ts";

const HALF = Math.SQRT1_2;

function randomPose(seed: number): Pose {
  const stream = randomStream(seed);
  const q = Array.from({ length: 4 }, () => stream.normal());
  const length = Math.hypot(...q);
  const rotation = q.map((value) => value / length) as unknown as Quaternion;
  // As far from the origin as the world poses of a data set are.
  return { rotation, translation_m: [2000 * stream.normal(), -2261, 12 * stream.normal()] };
}

function expectClose(a: Vector, b: Vector, tolerance: number): void {
  a.forEach((value, axis) => expect(Math.abs(value - b[axis])).toBeLessThan(tolerance));
}

test("a quarter turn about z takes x to y", () => {
  expectClose(rotate([HALF, 0, 0, HALF], [1, 0, 0]), [0, 1, 0], 1e-15);
});

test("a quaternion and its negative are one rotation", () => {
  const [w, x, y, z] = randomPose(1).rotation;
  expectClose(rotate([w, x, y, z], [1, 2, 3]), rotate([-w, -x, -y, -z], [1, 2, 3]), 1e-15);
});

test("the inverse leads back, to a micrometre at world coordinates", () => {
  const pose = randomPose(2);
  expectClose(transform(inverse(pose), transform(pose, [3, -4, 50])), [3, -4, 50], 1e-9);
});

test("composing poses is applying the inner one first", () => {
  const [a, b] = [randomPose(3), randomPose(4)];
  expectClose(transform(compose(a, b), [1, 2, 3]), transform(a, transform(b, [1, 2, 3])), 1e-8);
});

test("a quaternion within 1e-3 of unit length is brought to it", () => {
  const pose = checkedPose({ rotation: [1.0005, 0, 0, 0], translation_m: [0, 0, 0] }, "rig.json");
  expect(pose.rotation).toEqual([1, 0, 0, 0]);
});

test.each([
  [[0.5, 0.5, 0.5, 0.4], [0, 0, 0], /rig\.json: rotation .* has length 0\.95/],
  [[1.002, 0, 0, 0], [0, 0, 0], /expected a unit quaternion/],
  [[1, 0, 0, 0], [0, NaN, 0], /not finite/],
] as const)("rotation %j with translation %j is refused", (rotation, translation_m, message) => {
  expect(() => checkedPose({ rotation, translation_m }, "rig.json")).toThrow(message);
});
