// The published protocols on six images whose pairs of depths were derived by hand. Each difference
// between the protocols shows in one of them.
import { describe, expect, it, test } from "vitest";
import type { GroundTruth } from "../../src/data/rig_sample.ts";
import { METRIC_NAMES, type DepthMetrics } from "../../src/evaluate/metrics.ts";
import { OWN_PARTS, presetNamed, type EvaluationParts } from "../../src/evaluate/parts.ts";
import { evaluator, type EvaluationResult } from "../../src/evaluate/protocol.ts";

type Pair = readonly [prediction: number, truth: number];
type SevenMetrics = Pick<DepthMetrics, (typeof METRIC_NAMES)[number]>;

const DATA = { name: "data", min_m: 0.1, cap_m: 80 };
const SIZE = { height: 2, width: 2 };

/** Truth of 4x4 pixels as [row, column, metres]. */
function truth(...points: readonly (readonly [number, number, number])[]): GroundTruth {
  return {
    height: 4,
    width: 4,
    pixels: Uint32Array.from(points, ([row, column]) => 4 * row + column),
    depth_m: Float32Array.from(points, ([, , depth_m]) => depth_m),
  };
}
const flat = (depth_m: number): number[] => [depth_m, depth_m, depth_m, depth_m];
const NONE = truth();

// Six images with truth in five moments of two cameras. Resized to four columns, the ramp 10 to 22 is
// 10, 13, 19, 22 with a fixed border and 10, 14, 18, 22 with fixed corner pixels.
const MOMENTS: readonly {
  readonly front: readonly [number[], GroundTruth];
  readonly left: readonly [number[], GroundTruth];
  readonly usable?: readonly number[];
}[] = [
  {
    front: [[10, 22, 10, 22], truth([0, 0, 10], [0, 1, 12], [0, 3, 20], [3, 2, 90])],
    left: [flat(0.05), truth([0, 0, 0.0625], [0, 1, 0.25])],
  },
  { front: [flat(5), truth([0, 0, 4], [0, 2, 10])], left: [flat(1), NONE] },
  { front: [flat(1), NONE], left: [flat(100), truth([0, 0, 40], [2, 2, 50])] },
  // The car itself is in the upper left of the front camera.
  { front: [flat(20), truth([1, 1, 30])], left: [flat(1), NONE], usable: [0, 1, 1, 1, 1, 1, 1, 1] },
  { front: [flat(8), truth([0, 0, 8])], left: [flat(1), NONE] },
];

function evaluated(parts: EvaluationParts, cap_m = DATA.cap_m): EvaluationResult {
  const table = evaluator(["front", "left"], { ...DATA, cap_m }, { medianScaling: true, parts });
  for (const { front, left, usable = flat(1).concat(flat(1)) } of MOMENTS) {
    const depth_m = Float64Array.from([...front[0], ...left[0]]);
    const mask = { size: SIZE, usable: Uint8Array.from(usable) };
    table.add(depth_m, SIZE, [front[1], left[1]], mask);
  }
  return table.result();
}

/** The seven metrics of pairs, from their definitions. */
function byHand(...pairs: readonly Pair[]): SevenMetrics {
  const mean = (of: (p: number, g: number) => number): number =>
    pairs.reduce((sum, [p, g]) => sum + of(p, g), 0) / pairs.length;
  const within = (k: number): number =>
    mean((p, g) => (Math.max(p / g, g / p) < 1.25 ** k ? 1 : 0));
  return {
    abs_rel: mean((p, g) => Math.abs(p - g) / g),
    sq_rel: mean((p, g) => (p - g) ** 2 / g),
    rmse: Math.sqrt(mean((p, g) => (p - g) ** 2)),
    rmse_log: Math.sqrt(mean((p, g) => Math.log(p / g) ** 2)),
    a1: within(1),
    a2: within(2),
    a3: within(3),
  };
}

function meanOf(...rows: readonly SevenMetrics[]): SevenMetrics {
  const entries = METRIC_NAMES.map((name) => [
    name,
    rows.reduce((sum, row) => sum + row[name], 0) / rows.length,
  ]);
  return Object.fromEntries(entries) as SevenMetrics;
}

function expectRow(found: DepthMetrics, expected: SevenMetrics): void {
  for (const name of METRIC_NAMES) expect(found[name], name).toBeCloseTo(expected[name], 12);
}

const scaled = (factor: number, ...pairs: readonly Pair[]): SevenMetrics =>
  byHand(...pairs.map(([p, g]): Pair => [Math.min(80, p * factor), g]));

describe("A and D", () => {
  // 0.0625 m is below the range and 90 m beyond it; 0.05 m is clamped to 0.1 m, 100 m to 80 m.
  const front = meanOf(
    byHand([10, 10], [13, 12], [22, 20]),
    byHand([5, 4], [5, 10]),
    byHand([20, 30]),
    byHand([8, 8]),
  );
  const left = meanOf(byHand([0.1, 0.25]), byHand([80, 40], [80, 50]));

  it("average images, then cameras, at the size of the truth", () => {
    const { cameras, all, min_m } = evaluated(presetNamed("D").parts);
    expectRow(cameras.front, front);
    expectRow(cameras.left, left);
    expectRow(all, meanOf(front, left));
    expect(min_m).toBe(0.1);
    expect(evaluated(presetNamed("A").parts).all).toEqual(all);
    expect(evaluated(OWN_PARTS).all).toEqual(all);
  });

  it("scale each image by NumPy's median, and clamp after that", () => {
    // Medians: 12 / 13, then (4 + 10) / 2 / 5, 30 / 20 and 8 / 8; 0.25 / 0.05 and 45 / 100.
    const { median_scaled } = evaluated(presetNamed("surrounddepth").parts);
    const frontScaled = meanOf(
      scaled(12 / 13, [10, 10], [13, 12], [22, 20]),
      scaled(7 / 5, [5, 4], [5, 10]),
      scaled(1.5, [20, 30]),
      scaled(1, [8, 8]),
    );
    const leftScaled = meanOf(scaled(5, [0.05, 0.25]), scaled(0.45, [100, 40], [100, 50]));
    expectRow(median_scaled!.all, meanOf(frontScaled, leftScaled));
  });

  it("differ in mirrored images alone", () => {
    const [a, d] = [presetNamed("A").parts, presetNamed("D").parts];
    expect([a.flip, d.flip]).toEqual([true, false]);
    expect({ ...a, flip: false }).toEqual(d);
  });
});

test("B aligns corners, begins at 0 m, takes the lower median and the mean over all images", () => {
  const { all, median_scaled, cameras } = evaluated(presetNamed("B").parts);
  const images = [
    byHand([10, 10], [14, 12], [22, 20]),
    byHand([5, 4], [5, 10]),
    byHand([20, 30]),
    byHand([8, 8]),
    byHand([0.05, 0.0625], [0.05, 0.25]),
    byHand([80, 40], [80, 50]),
  ];
  expectRow(all, meanOf(...images));
  expectRow(cameras.left, meanOf(images[4], images[5]));
  // Lower medians: 4 of 4 and 10; 0.0625 of 0.0625 and 0.25; 40 of 40 and 50.
  expectRow(
    median_scaled!.all,
    meanOf(
      scaled(12 / 14, [10, 10], [14, 12], [22, 20]),
      scaled(4 / 5, [5, 4], [5, 10]),
      scaled(1.5, [20, 30]),
      scaled(1, [8, 8]),
      scaled(0.0625 / 0.05, [0.05, 0.0625], [0.05, 0.25]),
      scaled(0.4, [100, 40], [100, 50]),
    ),
  );
});

describe("C", () => {
  // Two true depths fall into the first pixel of F0 and of L0, and the last one wins. The last moment
  // does not fill a batch of 4.
  const frontPairs: Pair[] = [
    [10, 12],
    [22, 20],
    [5, 4],
    [5, 10],
  ];
  const leftPairs: Pair[] = [
    [0.05, 0.25],
    [80, 40],
    [80, 50],
  ];

  it("pools a batch at the size of the prediction, without the car itself", () => {
    const { all, cameras, dropped_moments, images } = evaluated(presetNamed("C").parts);
    expectRow(cameras.front, byHand(...frontPairs));
    expectRow(cameras.left, byHand(...leftPairs));
    expectRow(all, meanOf(byHand(...frontPairs), byHand(...leftPairs)));
    expect(dropped_moments).toBe(1);
    expect(images).toEqual({ front: 2, left: 2 });
  });

  it("clamps before the lower median of the batch, and again after scaling", () => {
    const { median_scaled } = evaluated(presetNamed("vfdepth").parts);
    // Front: 10 / 5. Left: 40 over the median of 0.05 and the clamped 80 and 80.
    expectRow(median_scaled!.all, meanOf(scaled(2, ...frontPairs), scaled(0.5, ...leftPairs)));
    const late = evaluated({ ...presetNamed("vfdepth").parts, clamp: "after" });
    expectRow(late.median_scaled!.cameras.left, scaled(0.4, [0.05, 0.25], [100, 40], [100, 50]));
  });

  it("counts the car itself without the mask, as CVCDepth does", () => {
    const { cameras } = evaluated(presetNamed("cvcdepth").parts);
    expectRow(cameras.front, byHand(...frontPairs, [20, 30]));
  });

  it("counts the last batch if told to, as the mean over batches", () => {
    const { cameras, all } = evaluated({ ...presetNamed("C").parts, drop_last: false });
    const whole = byHand(...frontPairs);
    const last = byHand([8, 8]);
    expectRow(cameras.front, meanOf(whole, last));
    expectRow(all, meanOf(meanOf(whole, byHand(...leftPairs)), last));
  });
});

describe("parts", () => {
  it("cap and crop decide which depths count", () => {
    const capped = evaluated({ ...OWN_PARTS, cap_m: 15 });
    expectRow(
      capped.cameras.front,
      meanOf(byHand([10, 10], [13, 12]), byHand([5, 4], [5, 10]), byHand([8, 8])),
    );
    expect(capped.cap_m).toBe(15);
    // Rows 0 to 1 and columns 1 to 3 of 4.
    const crop = { top: 0, bottom: 0.5, left: 0.3, right: 1 };
    const cropped = evaluated({ ...OWN_PARTS, crop });
    expectRow(
      cropped.cameras.front,
      meanOf(byHand([13, 12], [22, 20]), byHand([5, 10]), byHand([20, 30])),
    );
  });

  it("one ratio for all cameras of a moment", () => {
    // Moment 0: medians over both cameras of 0.25, 10, 12, 20 and 0.05, 10, 13, 22.
    const { shared_median_scaled } = evaluated(presetNamed("D").parts);
    const ratio = 11 / 11.5;
    expectRow(
      shared_median_scaled!.cameras.left,
      meanOf(byHand([0.1, 0.25]), scaled(0.45, [100, 40], [100, 50])),
    );
    expectRow(
      shared_median_scaled!.cameras.front,
      meanOf(
        scaled(ratio, [10, 10], [13, 12], [22, 20]),
        scaled(7 / 5, [5, 4], [5, 10]),
        scaled(1.5, [20, 30]),
        scaled(1, [8, 8]),
      ),
    );
  });

  it("refuses what excludes every depth, and names the presets", () => {
    const refused = (parts: Partial<EvaluationParts>): (() => unknown) => {
      return () => evaluated({ ...OWN_PARTS, ...parts });
    };
    expect(refused({ min_m: 90 })).toThrow("min_m is 90, cap_m is 80; expected 0 <= min_m < cap_m");
    expect(refused({ batch: 0 })).toThrow("batch is 0");
    const crop = { top: 0.5, bottom: 0.4, left: 0, right: 1 };
    expect(refused({ crop })).toThrow("crop 0.5,0.4,0,1");
    expect(refused({ batch: 6, drop_last: true })).toThrow("more than 5 moments for batches of 6");
    expect(() => presetNamed("E")).toThrow("A (surrounddepth), B (packnet), C (vfdepth)");
  });
});
