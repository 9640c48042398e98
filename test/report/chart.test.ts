// Curves on common steps: gaps, levels, thinning that keeps spikes, which axis is logarithmic.
import { describe, expect, it } from "vitest";
import { makeChart, thin } from "../../src/report/chart.ts";
import type { Curve } from "../../src/report/report_data.ts";

const steps = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

function chartOf(...curves: Curve[]): ReturnType<typeof makeChart> {
  return makeChart({ id: "c", title: "t", curves, logarithmic: true });
}

describe("chart", () => {
  it("joins curves on the union of their steps, null where one was not measured", () => {
    const got = chartOf(
      { label: "a", steps: [1, 2, 3], values: [5, 4, 3] },
      { label: "b", steps: [2, 4], values: [7, 6] },
    )!;
    expect(got.labels).toEqual(["a", "b"]);
    expect(got.columns).toEqual([
      [1, 2, 3, 4],
      [5, 4, 3, null],
      [null, 7, null, 6],
    ]);
  });

  it("drops values that are not finite, and curves and charts without any", () => {
    const bad = { label: "bad", steps: [1, 2], values: [Number.NaN, Infinity] };
    const good = { label: "good", steps: [1, 2, 3], values: [1, Number.NaN, 2] };
    expect(chartOf(bad, good)!.columns).toEqual([
      [1, 3],
      [1, 2],
    ]);
    expect(chartOf(bad)).toBeUndefined();
    expect(chartOf()).toBeUndefined();
  });

  it("draws a level from the first step to the last", () => {
    const curves = [{ label: "a", steps: [10, 20, 30], values: [3, 2, 1] }];
    const level = { label: "constant", value: 2.5 };
    const got = makeChart({ id: "c", title: "t", curves, level })!;
    expect(got.levels).toEqual([1]);
    expect(got.columns[2]).toEqual([2.5, null, 2.5]);
  });

  it("is logarithmic only for positive values over more than a decade", () => {
    expect(chartOf({ label: "a", steps: [1, 2], values: [100, 1] })!.logarithmic).toBe(true);
    expect(chartOf({ label: "a", steps: [1, 2], values: [5, 1] })!.logarithmic).toBe(false);
    expect(chartOf({ label: "a", steps: [1, 2], values: [100, 0] })!.logarithmic).toBe(false);
  });
});

describe("thinning", () => {
  it("leaves a short curve alone", () => {
    const curve = { label: "a", steps: steps(10), values: steps(10) };
    expect(thin(curve, 10)).toBe(curve);
  });

  it("keeps a single spike, the order of steps and about the wanted count", () => {
    const values = steps(100_000).map((step) => (step === 54_321 ? 99 : Math.sin(step)));
    const got = thin({ label: "a", steps: steps(100_000), values }, 2000);
    expect(got.steps.length).toBeLessThanOrEqual(2000);
    expect(got.steps.length).toBeGreaterThan(1000);
    expect(Math.max(...got.values)).toBe(99);
    expect(got.steps).toEqual(got.steps.toSorted((a, b) => a - b));
    expect(got.values[got.steps.indexOf(54_321)]).toBe(99);
  });
});
