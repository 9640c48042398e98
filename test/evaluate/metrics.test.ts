// The seven metrics: numbers published by others, properties with known answers, and the limits.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  checkRange,
  clampDepth,
  depthMetrics,
  meanMetrics,
  medianScale,
  type DepthMetrics,
  type ImageMetrics,
} from "../../src/evaluate/metrics.ts";
import { randomStream } from "../../src/tensor/random.ts";

const RANGE = { min_m: 0.1, cap_m: 200 };

const ORACLE = new URL("../../../shared/oracle/depth-metrics/metrics.json", import.meta.url);

interface OracleTensor {
  name: string;
  data: number[];
}

interface OracleCase {
  id: string;
  inputs: OracleTensor[];
  outputs: OracleTensor[];
  tol: { rtol?: number; atol: number };
  attrs?: { median_scaling?: boolean };
}

/** The oracle's names of our metrics; PSNR and one training loss have no entry. */
const OURS: Record<string, keyof DepthMetrics> = {
  abs_rel: "abs_rel",
  sq_rel: "sq_rel",
  rmse: "rmse",
  rmse_log: "rmse_log",
  delta1: "a1",
  delta2: "a2",
  delta3: "a3",
};

function metricsOf(
  prediction: readonly number[],
  truth: readonly number[],
  scale?: number,
): ImageMetrics {
  return depthMetrics(prediction, truth, RANGE, scale)!;
}

function randomDepths(count: number): number[] {
  const stream = randomStream(11);
  return Array.from({ length: count }, () => 1 + 80 * stream.uniform());
}

describe("published numbers", () => {
  if (!existsSync(ORACLE)) {
    it.skip("skipped: ../shared/oracle/depth-metrics/metrics.json is absent", () => {});
    return;
  }
  const { cases } = JSON.parse(readFileSync(ORACLE, "utf8")) as { cases: OracleCase[] };
  const offered = cases.filter(({ outputs }) => outputs.every(({ name }) => name in OURS));

  it("offers the four cases of depth metrics; PSNR and a training loss are not among them", () => {
    expect(offered).toHaveLength(4);
    expect(cases).toHaveLength(6);
  });

  it.each(offered)("$id", ({ inputs, outputs, tol, attrs }) => {
    const prediction = inputs.find(({ name }) => name === "pred")!.data;
    const truth = inputs.find(({ name }) => name === "gt")!.data;
    const scale = attrs?.median_scaling ? medianScale(prediction, truth, RANGE) : 1;
    const got = metricsOf(prediction, truth, scale);
    for (const { name, data } of outputs) {
      const want = data[0];
      const error = Math.abs(got[OURS[name]] - want);
      expect(error, name).toBeLessThanOrEqual(tol.atol + (tol.rtol ?? 0) * Math.abs(want));
    }
  });
});

describe("depth metrics", () => {
  it("a tenth too far: AbsRel 0.1, SqRel 0.01 mean depth, RMSElog ln 1.1, a1 one", () => {
    const truth = randomDepths(500);
    const got = metricsOf(
      truth.map((g) => 1.1 * g),
      truth,
    );
    const meanDepth = truth.reduce((a, b) => a + b, 0) / truth.length;
    expect(got.abs_rel).toBeCloseTo(0.1, 12);
    expect(got.sq_rel).toBeCloseTo(0.01 * meanDepth, 10);
    expect(got.rmse_log).toBeCloseTo(Math.log(1.1), 12);
    expect([got.a1, got.a2, got.a3]).toEqual([1, 1, 1]);
    expect(got.silog).toBeCloseTo(0, 4);
    expect(got.pixels).toBe(500);
  });

  it("counts a threshold strictly: a ratio of exactly 1.25^k is outside of a_k", () => {
    // Powers of 5/4 are exact in binary, so the ratio is the threshold itself.
    expect(metricsOf([1.25], [1])).toMatchObject({ a1: 0, a2: 1, a3: 1 });
    expect(metricsOf([1], [1.25])).toMatchObject({ a1: 0, a2: 1, a3: 1 });
    expect(metricsOf([1.5625], [1])).toMatchObject({ a1: 0, a2: 0, a3: 1 });
    expect(metricsOf([1.953125], [1])).toMatchObject({ a1: 0, a2: 0, a3: 0 });
    expect(metricsOf([1.2499999], [1])).toMatchObject({ a1: 1 });
  });

  it("takes only truth strictly inside the range", () => {
    const truth = [0, 0.1, 0.1000001, 199.9999, 200, 250];
    expect(
      metricsOf(
        truth.map(() => 10),
        truth,
      ).pixels,
    ).toBe(2);
  });

  it("clamps the prediction to the range, after scaling", () => {
    expect(metricsOf([1e6], [100]).abs_rel).toBeCloseTo(1, 12);
    expect(metricsOf([-5], [1]).abs_rel).toBeCloseTo(0.9, 12);
    expect(metricsOf([150], [100], 2).abs_rel).toBeCloseTo(1, 12);
    expect(clampDepth(0.05, RANGE)).toBe(0.1);
  });

  it("silog forgives a factor, and is the deviation of the log ratio in percent", () => {
    const truth = randomDepths(100);
    const prediction = truth.map((g, i) => g * (i % 2 === 0 ? 1.2 : 1 / 1.2));
    expect(metricsOf(prediction, truth).silog).toBeCloseTo(100 * Math.log(1.2), 9);
    expect(metricsOf(prediction, truth, 1.5).silog).toBeCloseTo(100 * Math.log(1.2), 9);
  });

  it("has no metrics without a valid pixel", () => {
    expect(depthMetrics([1, 2], [0, 300], RANGE)).toBeUndefined();
    expect(depthMetrics([], [], RANGE)).toBeUndefined();
    expect(meanMetrics([])).toBeUndefined();
  });

  it.each([Number.NaN, Infinity, -Infinity])("refuses %d as prediction and as truth", (value) => {
    expect(() => depthMetrics([4, value], [5, 5], RANGE)).toThrow(`depth 1 of 2 is ${value}`);
    expect(() => depthMetrics([4, 4], [5, value], RANGE)).toThrow(`true depth is ${value}`);
    expect(() => medianScale([4, value], [5, 5], RANGE)).toThrow("depth 1 of 2 is not finite");
    expect(() => medianScale([4, 4], [5, value], RANGE)).toThrow(`true depth is ${value}`);
  });

  it("refuses arrays that are no pairs, and a range that holds no depth", () => {
    for (const [min_m, cap_m] of [
      [80, 0.1],
      [1, 1],
      [0, 80],
      [0.1, Infinity],
      [Number.NaN, 80],
    ]) {
      expect(() => checkRange({ min_m, cap_m })).toThrow("expected 0 < min_m < cap_m");
    }
    expect(() => depthMetrics([1, 2], [5], RANGE)).toThrow(/2 predicted depths for 1/);
  });
});

describe("median scale", () => {
  it("takes the mean of the two middles for an even count, over valid pixels only", () => {
    expect(medianScale([1, 2, 4, 8, 1000], [10, 20, 40, 80, 0], RANGE)).toBeCloseTo(10, 12);
    expect(medianScale([1, 3, 10], [2, 6, 20], RANGE)).toBe(2);
  });

  it("is undefined without valid pixels, and refuses a median that is not positive", () => {
    expect(medianScale([1], [0], RANGE)).toBeUndefined();
    expect(() => medianScale([0], [5], RANGE)).toThrow(/not positive/);
  });
});
