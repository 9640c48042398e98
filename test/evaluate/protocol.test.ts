// Averaging over images, cameras and moments; what is skipped; the rows of median scaling.
import { describe, expect, it } from "vitest";
import { METRIC_NAMES } from "../../src/evaluate/metrics.ts";
import { evaluator } from "../../src/evaluate/protocol.ts";
import type { GroundTruth } from "../../src/data/rig_sample.ts";

const PROTOCOL = { name: "test", min_m: 0.1, cap_m: 80 };
const SIZE = { height: 2, width: 2 };

/** Truth of 4x4 pixels: the given depths at the first pixels. */
function truthOf(...depths: number[]): GroundTruth {
  return {
    height: 4,
    width: 4,
    pixels: Uint32Array.from(depths.keys()),
    depth_m: Float32Array.from(depths),
  };
}

/** Predictions of 2x2 pixels, one constant a camera. */
function constants(...depths: number[]): Float32Array {
  return Float32Array.from({ length: 4 * depths.length }, (_, i) => depths[i >> 2]);
}

describe("evaluator", () => {
  it("averages pixels within an image, images within a camera, then cameras", () => {
    const table = evaluator(["front", "back"], PROTOCOL);
    // Front: AbsRel 1 over one pixel, then 0 over three. Back: 0.5 once.
    table.add(constants(20, 15), SIZE, [truthOf(10), truthOf(10)]);
    table.add(constants(10, 15), SIZE, [truthOf(10, 10, 10), truthOf()]);
    const got = table.result();
    expect(got.cameras.front.abs_rel).toBeCloseTo(0.5, 12);
    expect(got.cameras.back.abs_rel).toBeCloseTo(0.5, 12);
    expect(got.all.abs_rel).toBeCloseTo(0.5, 12);
    expect(got.all.a1).toBeCloseTo(0.25, 12);
    expect(got.images).toEqual({ front: 2, back: 1 });
    expect(got.skipped_images).toEqual({ front: 0, back: 1 });
  });

  it("has the interface that others read, cameras in ring order", () => {
    const table = evaluator(["front", "left"], PROTOCOL);
    table.add(constants(20, 15), SIZE, [truthOf(10), truthOf(10)]);
    const got = table.result();
    expect(got).toMatchObject({ protocol: "test", cap_m: 80 });
    expect(Object.keys(got.cameras)).toEqual(["front", "left"]);
    for (const row of [got.all, ...Object.values(got.cameras)]) {
      expect(Object.keys(row)).toEqual([...METRIC_NAMES, "silog"]);
    }
    expect(got).not.toHaveProperty("median_scaled");
  });

  it("leaves a camera without truth out of the mean, never NaN", () => {
    const table = evaluator(["front", "back"], PROTOCOL);
    table.add(constants(20, 15), SIZE, [truthOf(10), truthOf(0.05, 500)]);
    const got = table.result();
    expect(Object.keys(got.cameras)).toEqual(["front"]);
    expect(got.all).toEqual(got.cameras.front);
    expect(JSON.stringify(got)).not.toContain("null");
  });

  it("scales each image by its own median, and the rig by one", () => {
    const table = evaluator(["front", "back"], PROTOCOL, { medianScaling: true });
    // Both half as far as they should be, so one ratio mends both.
    table.add(constants(10, 20), SIZE, [truthOf(20, 20), truthOf(40, 40)]);
    const half = table.result();
    expect(half.all.abs_rel).toBeCloseTo(0.5, 12);
    expect(half.median_scaled!.all.abs_rel).toBeCloseTo(0, 12);
    expect(half.shared_median_scaled!.all.abs_rel).toBeCloseTo(0, 12);
    // Front too near, back too far: an own ratio mends both, a shared one cannot.
    const mixed = evaluator(["front", "back"], PROTOCOL, { medianScaling: true });
    mixed.add(constants(10, 20), SIZE, [truthOf(20, 20), truthOf(10, 10)]);
    expect(mixed.result().median_scaled!.all.abs_rel).toBeCloseTo(0, 12);
    expect(mixed.result().shared_median_scaled!.all.abs_rel).toBeCloseTo(0.75, 12);
  });

  it("says what does not fit", () => {
    const table = evaluator(["front", "back"], PROTOCOL);
    expect(() => table.add(constants(1, 1), SIZE, [truthOf(1)])).toThrow(/1 true depth maps for 2/);
    expect(() => table.add(constants(1), SIZE, [truthOf(1), truthOf(1)])).toThrow(/\[2, 2, 2\]/);
    const broken = constants(1, Number.NaN);
    expect(() => table.add(broken, SIZE, [truthOf(1), truthOf(1, 1)])).toThrow(
      /evaluation, camera back: the predicted depth at row 0, column 0 of 2x2 is NaN m/,
    );
    expect(() => table.result()).toThrow(/no image has a true depth between 0.1 and 80 m/);
  });
});
