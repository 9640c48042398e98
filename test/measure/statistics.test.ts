// Verdicts over simulated clocks: what is the same is never called faster or slower, 5 % is seen.
import { describe, expect, test } from "vitest";
import {
  comparePairs,
  compareSamples,
  drift,
  estimate,
  median,
  relativeNoise,
} from "../../src/measure/statistics.ts";
import { randomStream } from "../../src/tensor/random.ts";

const THRESHOLD = 0.03;
const RUNS = 100;

/** Times around `center` as a shared machine gives them: 4 % of noise and a tail of slow ones. */
function times(center: number, count: number, ...keys: readonly number[]): number[] {
  const stream = randomStream(...keys);
  return Array.from({ length: count }, () => {
    const slow = stream.uniform() < 0.1 ? 0.5 * stream.uniform() : 0;
    return center * (1 + 0.04 * stream.normal() + slow);
  });
}

function verdicts(change: number, compare: typeof comparePairs = comparePairs): string[] {
  return Array.from({ length: RUNS }, (_, run) => {
    const [a, b] = [times(10, 100, 1, run), times(10 * (1 + change), 100, 2, run)];
    return compare(a, b, THRESHOLD).verdict;
  });
}
const share = (list: readonly string[], verdict: string): number =>
  list.filter((v) => v === verdict).length / list.length;

test("the median is the middle, of an even number the mean of the two", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

describe("the interval", () => {
  test("holds the true median in about 95 of 100 cases", () => {
    const held = Array.from({ length: 400 }, (_, run) => {
      const stream = randomStream(3, run);
      const { low, high } = estimate(Array.from({ length: 41 }, () => stream.normal()));
      return low <= 0 && 0 <= high;
    }).filter(Boolean).length;
    expect(held / 400).toBeGreaterThan(0.92);
    expect(held / 400).toBeLessThan(0.99);
  });

  test("is the same for the same samples, and narrows with their number", () => {
    const [few, many] = [times(10, 25, 4), times(10, 400, 4)];
    expect(estimate(few)).toEqual(estimate(few));
    expect(relativeNoise(estimate(many))).toBeLessThan(relativeNoise(estimate(few)) / 2);
  });

  test("of equal samples is a point", () => {
    expect(estimate([2, 2, 2])).toEqual({ median: 2, low: 2, high: 2 });
  });
});

describe("the verdict", () => {
  test("on a kernel against itself is never FAST or SLOW", () => {
    for (const compare of [comparePairs, compareSamples]) {
      const list = verdicts(0, compare);
      expect(list).not.toContain("FAST");
      expect(list).not.toContain("SLOW");
    }
    expect(share(verdicts(0), "SAME")).toBeGreaterThan(0.7);
  });

  test("on 5 % more time is SLOW in 19 of 20, on 5 % less FAST, and never the other", () => {
    const [slow, fast] = [verdicts(0.05), verdicts(-0.05)];
    expect(share(slow, "SLOW")).toBeGreaterThanOrEqual(0.95);
    expect(share(fast, "FAST")).toBeGreaterThanOrEqual(0.95);
    expect(slow).not.toContain("FAST");
    expect(fast).not.toContain("SLOW");
  });

  test("on 1 % more time is never FAST", () => {
    expect(verdicts(0.01)).not.toContain("FAST");
    expect(verdicts(0.01, compareSamples)).not.toContain("FAST");
  });

  test("on samples taken apart wants a change well beyond the threshold and the drift", () => {
    expect(share(verdicts(0.12, compareSamples), "SLOW")).toBeGreaterThanOrEqual(0.95);
    const [a, b] = [times(10, 99, 9), times(10.2, 99, 10)];
    const warming = b.map((time, i) => time * (1 + i / 500));
    expect(compareSamples(a, warming, THRESHOLD)).toMatchObject({
      verdict: "AMBIGUOUS",
      further_samples: null,
    });
  });

  test("on few noisy samples is AMBIGUOUS and says how many more settle it", () => {
    const noisy = [9, 11, 9.5, 10.8, 9.2, 10.6, 10.1, 9.9];
    const steady = noisy.map(() => 10);
    const { verdict, further_samples } = comparePairs(steady, noisy, THRESHOLD);
    expect(verdict).toBe("AMBIGUOUS");
    expect(further_samples).toBeGreaterThan(0);
  });

  test("on a change at the threshold itself promises nothing", () => {
    const change = Array.from(
      { length: 9 },
      (_, i) => 10 * (1 + THRESHOLD - 1e-5 + (i - 4) / 1000),
    );
    const at = comparePairs(
      Array.from({ length: 9 }, () => 10),
      change,
      THRESHOLD,
    );
    expect(at).toMatchObject({ verdict: "AMBIGUOUS", further_samples: null });
  });

  test("pairs cancel a drift that both share", () => {
    const ramp = Array.from({ length: 100 }, (_, i) => 1 + i / 50);
    const [a, b] = [times(10, 100, 7), times(10, 100, 8)].map((list) =>
      list.map((time, i) => time * ramp[i]),
    );
    expect(comparePairs(a, b, THRESHOLD).verdict).toBe("SAME");
    expect(drift(a)).toBeGreaterThan(0.5);
  });

  test("refuses pairs of unequal number", () => {
    expect(() => comparePairs([1], [1, 2], THRESHOLD)).toThrow("pairs of 1 and 2 samples");
  });
});

test("drift is the last third against the first, none of few samples", () => {
  expect(drift([1, 1, 1, 2, 2, 2])).toBe(1);
  expect(drift([1, 2, 3])).toBe(0);
});
