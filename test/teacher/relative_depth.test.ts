// What is left of a teacher's map once scale and shift are gone, and its reduction to the student's
// size.
import { describe, expect, test } from "vitest";
import { areaAverage, normalizeRelative, usableAt } from "../../src/teacher/relative_depth.ts";
import { randomStream } from "../../src/tensor/random.ts";

const random = randomStream(1);
const MAP = Float32Array.from({ length: 500 }, () => random.normal());

/** Largest difference of two maps. */
function difference(a: Float32Array, b: Float32Array): number {
  return a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i])), 0);
}

describe("normalising", () => {
  test("gives numbers from 0 to 1 that ascend with distance, for depth and disparity alike", () => {
    const metres = Float32Array.from({ length: 101 }, (_, i) => 1 + i);
    const depth = normalizeRelative(metres, "depth");
    const disparity = normalizeRelative(
      metres.map((d) => 1 / d),
      "disparity",
    );
    for (const map of [depth, disparity]) {
      expect([map[0], map[100]]).toEqual([0, 1]);
      expect(map.every((v, i) => i === 0 || v >= map[i - 1])).toBe(true);
    }
  });

  test.each(["depth", "disparity"] as const)("forgets scale and shift of %s", (kind) => {
    const moved = MAP.map((v) => 37.5 * v - 12);
    expect(difference(normalizeRelative(moved, kind), normalizeRelative(MAP, kind))).toBeLessThan(
      2e-6,
    );
  });

  test("a negative scale turns depth into disparity", () => {
    const turned = normalizeRelative(
      MAP.map((v) => -v),
      "disparity",
    );
    expect(difference(turned, normalizeRelative(MAP, "depth"))).toBeLessThan(2e-6);
  });

  test("cuts off at the 2nd and 98th percentile, however far the rest lies", () => {
    const ramp = Float32Array.from({ length: 101 }, (_, i) => i);
    const normal = normalizeRelative(ramp, "depth");
    expect(normal[50]).toBeCloseTo(0.5, 6);
    expect(normal.slice(0, 3)).toEqual(new Float32Array(3));
    expect(normal[3]).toBeCloseTo(1 / 96, 6);
    ramp[100] = 1e6;
    expect(normalizeRelative(ramp, "depth")).toEqual(normal);
  });

  test("between two numbers a percentile is linear", () => {
    // of 11 numbers the 2nd percentile lies 0.2 of the way from the first to the second
    const map = Float32Array.from({ length: 11 }, (_, i) => i);
    expect(normalizeRelative(map, "depth")[1]).toBeCloseTo(0.8 / 9.6, 6);
  });

  test("a map without contrast is in the middle everywhere", () => {
    expect(normalizeRelative(new Float32Array([3, 3, 3]), "depth")).toEqual(
      new Float32Array([0.5, 0.5, 0.5]),
    );
    expect(normalizeRelative(new Float32Array([3]), "disparity")).toEqual(new Float32Array([0.5]));
  });

  test("takes its percentiles from the usable pixels alone, whatever the others hold", () => {
    const usable = Uint8Array.from(MAP, (_, pixel) => (pixel < 130 ? 0 : 1));
    const world = normalizeRelative(MAP.subarray(130), "disparity");
    for (const nearer of [5, 1e3, Infinity]) {
      const map = MAP.map((value, pixel) => (usable[pixel] === 1 ? value : nearer));
      const all = normalizeRelative(map, "disparity", usable);
      expect(all.subarray(130)).toEqual(world);
      expect(all.subarray(0, 130)).toEqual(new Float32Array(130));
    }
    expect(normalizeRelative(MAP, "depth", usable.fill(0))).toEqual(MAP.map(() => 0.5));
    expect(normalizeRelative(MAP, "depth", usable.fill(1))).toEqual(
      normalizeRelative(MAP, "depth"),
    );
  });

  test("leaves its argument alone", () => {
    const before = MAP.slice();
    normalizeRelative(MAP, "disparity");
    expect(MAP).toEqual(before);
  });
});

describe("reducing", () => {
  const size = (height: number, width: number): { height: number; width: number } => ({
    height,
    width,
  });

  test("averages the pixels that fall into one", () => {
    const map = Float32Array.from({ length: 16 }, (_, i) => i);
    expect(areaAverage(map, size(4, 4), size(2, 2))).toEqual(
      new Float32Array([2.5, 4.5, 10.5, 12.5]),
    );
    expect(areaAverage(map, size(4, 4), size(1, 1))).toEqual(new Float32Array([7.5]));
  });

  test("averages the usable pixels alone where there are any", () => {
    const map = Float32Array.from({ length: 16 }, (_, i) => i);
    const usable = Uint8Array.of(0, 1, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0);
    expect(areaAverage(map, size(4, 4), size(2, 2), usable)).toEqual(
      new Float32Array([3, 4.5, 10.5, 35 / 3]),
    );
    expect(usableAt(usable, size(4, 4), size(2, 2))).toEqual(Uint8Array.of(1, 0, 1, 1));
  });

  test("keeps a map of the right size", () => {
    expect(areaAverage(MAP, size(20, 25), size(20, 25))).toEqual(MAP);
  });

  test("uses every source pixel once where sizes are no multiples", () => {
    const map = new Float32Array(7).fill(1);
    map[6] = 8;
    // 7 columns into 3: two, two and three
    expect(areaAverage(map, size(1, 7), size(1, 3))).toEqual(new Float32Array([1, 1, 10 / 3]));
  });

  test("repeats pixels where the map is smaller", () => {
    const map = new Float32Array([1, 2]);
    expect(areaAverage(map, size(1, 2), size(2, 4))).toEqual(
      new Float32Array([1, 1, 2, 2, 1, 1, 2, 2]),
    );
  });
});
