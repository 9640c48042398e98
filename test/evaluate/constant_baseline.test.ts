// The best constant depth per camera, held against brute force over every candidate.
import { describe, expect, it } from "vitest";
import {
  constantBaseline,
  evaluateConstants,
  weightedMedian,
} from "../../src/evaluate/constant_baseline.ts";
import type { GroundTruth } from "../../src/data/rig_sample.ts";
import { randomStream } from "../../src/tensor/random.ts";

const PROTOCOL = { name: "test", min_m: 0.1, cap_m: 80 };

function truthOf(depths: readonly number[]): GroundTruth {
  return {
    height: 1,
    width: Math.max(1, depths.length),
    pixels: Uint32Array.from(depths.keys()),
    depth_m: Float32Array.from(depths),
  };
}

/** Moments of two cameras with images of very different counts, some depths out of range. */
function moments(seed: number): GroundTruth[][] {
  const stream = randomStream(seed);
  const image = (far_m: number): GroundTruth =>
    truthOf(Array.from({ length: 1 + stream.integer(40) }, () => far_m * stream.uniform() ** 2));
  return Array.from({ length: 7 }, () => [image(100), image(30)]);
}

describe("weighted median", () => {
  it("is the median for equal weights, and follows the weight", () => {
    expect(weightedMedian([5, 1, 3], [1, 1, 1])).toBe(3);
    expect(weightedMedian([1, 2, 100], [1, 1, 9])).toBe(100);
    expect(weightedMedian([7], [0.1])).toBe(7);
    expect(weightedMedian([], [])).toBeUndefined();
  });

  it("is no worse than any value of a hundred random lists", () => {
    for (let seed = 0; seed < 100; seed++) {
      const stream = randomStream(seed);
      const values = Array.from({ length: 1 + stream.integer(12) }, () => 10 * stream.uniform());
      const weights = values.map(() => 0.05 + stream.uniform());
      const cost = (c: number): number =>
        values.reduce((sum, value, i) => sum + weights[i] * Math.abs(value - c), 0);
      const best = Math.min(...values.map(cost));
      expect(cost(weightedMedian(values, weights)!)).toBeLessThanOrEqual(best + 1e-12);
    }
  });
});

describe("constant baseline", () => {
  it("has the least AbsRel of all constants, as the protocol averages it", () => {
    for (const seed of [1, 2, 3]) {
      const training = moments(seed);
      const fit = constantBaseline(["front", "back"], PROTOCOL);
      for (const truths of training) fit.add(truths);
      const constants = fit.constants_m();
      const score = (c: Float64Array): number[] =>
        Object.values(evaluateConstants(["front", "back"], c, PROTOCOL, training).cameras).map(
          ({ abs_rel }) => abs_rel,
        );
      const best = score(constants);
      // A minimum of a piecewise linear function lies at one of its kinks: the true depths.
      for (const depth of training.flatMap((truths) => truths.flatMap((t) => [...t.depth_m]))) {
        if (depth <= 0.1 || depth >= 80) continue;
        const other = score(Float64Array.of(depth, depth));
        expect(best[0]).toBeLessThanOrEqual(other[0] + 1e-12);
        expect(best[1]).toBeLessThanOrEqual(other[1] + 1e-12);
      }
    }
  });

  it("weighs images, not pixels: a crowded image does not outvote the others", () => {
    const fit = constantBaseline(["front"], PROTOCOL);
    fit.add([truthOf(Array.from({ length: 1000 }, () => 50))]);
    fit.add([truthOf([10])]);
    expect([...fit.constants_m()]).toEqual([10]);
  });

  it("names a camera without true depth", () => {
    const fit = constantBaseline(["front", "back"], PROTOCOL);
    fit.add([truthOf([10]), truthOf([200])]);
    expect(() => fit.constants_m()).toThrow(/camera back has no true depth between 0.1 and 80 m/);
    expect(() => fit.add([truthOf([10])])).toThrow(/1 true depth maps for 2 cameras/);
  });
});
