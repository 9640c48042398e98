// Affine alignment against closed forms, and evaluation of maps without metres.
import { expect, it } from "vitest";
import { affineAligned } from "../../src/evaluate/affine.ts";
import { evaluator } from "../../src/evaluate/protocol.ts";

const TRUTH = Float64Array.of(2, 4, 5, 10);

it("removes any scale and shift of the map's own domain, in both forms", () => {
  const domains = [
    ["disparity", (d: number) => 7 / d + 3],
    ["depth", (d: number) => 0.1 * d - 4],
    ["log_depth", (d: number) => 2 * Math.log(d) + 1],
  ] as const;
  for (const [quantity, map] of domains) {
    for (const form of ["least_squares", "midas"] as const) {
      const found = affineAligned(TRUTH.map(map), TRUTH, quantity, form, 80);
      found.forEach((depth_m, i) => expect(depth_m).toBeCloseTo(TRUTH[i], 10));
    }
  }
  // Metres are aligned as disparity: 1 / p = 2 / d + 0.1.
  const metres = TRUTH.map((d) => 1 / (2 / d + 0.1));
  const found = affineAligned(metres, TRUTH, "metres", "least_squares", 80);
  found.forEach((depth_m, i) => expect(depth_m).toBeCloseTo(TRUTH[i], 10));
});

it("solves by least squares, and by median and mean deviation", () => {
  // Disparities 1/2, 1/4 and the outlier: p = (0, 1, 5) on g = (0, 1, 2).
  const p = Float64Array.of(0, 1, 5);
  const g = Float64Array.of(1, 2, 3);
  const least = affineAligned(p, g, "depth", "least_squares", 80);
  // Means 2 and 2: s = (-2 * -1 + -1 * 0 + 3 * 1) / (4 + 1 + 9) = 5 / 14.
  expect([...least]).toEqual(
    [2 - 10 / 14, 2 - 5 / 14, 2 + 15 / 14].map((x) => expect.closeTo(x, 12)),
  );
  const robust = affineAligned(p, g, "depth", "midas", 80);
  // Medians 1 and 2; deviations (1 + 0 + 4) / 3 and 2 / 3: s = 2 / 5.
  expect([...robust]).toEqual([1.6, 2, 3.6].map((x) => expect.closeTo(x, 12)));
});

it("keeps a constant map and a disparity beyond the cap finite", () => {
  const constant = affineAligned(
    Float64Array.of(3, 3),
    Float64Array.of(4, 8),
    "depth",
    "midas",
    80,
  );
  expect([...constant]).toEqual([6, 6]);
  const p = Float64Array.of(1, 0.5, -9);
  const far = affineAligned(p, Float64Array.of(1, 2, 79), "disparity", "midas", 80);
  expect(far[2]).toBe(80);
  expect(() => affineAligned(Float64Array.of(Number.NaN), TRUTH, "depth", "midas", 80)).toThrow(
    "predicted value 0 of 1 is not finite",
  );
});

it("evaluates maps without metres after the alignment only, and metres with it beside", () => {
  const protocol = { name: "test", min_m: 0.1, cap_m: 80 };
  const size = { height: 1, width: 4 };
  const truth = {
    ...size,
    pixels: Uint32Array.of(0, 1, 2, 3),
    depth_m: Float32Array.from(TRUTH),
  };
  const relative = evaluator(["front"], protocol, { medianScaling: true, quantity: "disparity" });
  relative.add(
    Float64Array.from(TRUTH, (d) => 5 / d - 9),
    size,
    [truth],
  );
  const found = relative.result();
  expect(found.all.abs_rel).toBeCloseTo(0, 12);
  expect(found).not.toHaveProperty("median_scaled");
  const metric = evaluator(["front"], protocol, { affine: "least_squares" });
  metric.add(
    Float64Array.from(TRUTH, (d) => 1 / (2 / d + 0.1)),
    size,
    [truth],
  );
  expect(metric.result().all.abs_rel).toBeGreaterThan(0.4);
  expect(metric.result().affine_aligned!.all.abs_rel).toBeCloseTo(0, 12);
});
