// The range of samples that a histogram shows.
import { expect, test } from "vitest";
import { shownRange } from "../../../src/profile/page/distribution.ts";

const summary = { median_ms: 10, low_ms: 9.9, high_ms: 10.1 };

test("all samples where none is far from the others", () => {
  const samples = [9, 9.5, 9.8, 10, 10.2, 10.5, 11];
  const [low, high] = shownRange(samples, summary);
  expect(low).toBeLessThanOrEqual(9);
  expect(high).toBeGreaterThanOrEqual(11);
  expect(high - low).toBeLessThan(3);
});

test("a sample far out is outside", () => {
  const [low, high] = shownRange([9, 9.5, 9.8, 10, 10.2, 10.5, 11, 1000], summary);
  expect(low).toBeLessThanOrEqual(9);
  expect(high).toBeLessThan(12);
});

test("the interval is inside, whatever the samples", () => {
  const wide = { median_ms: 10, low_ms: 1, high_ms: 500 };
  const [low, high] = shownRange([10, 10, 10, 500, 1, 10, 10, 10], wide);
  expect(low).toBeLessThanOrEqual(1);
  expect(high).toBeGreaterThanOrEqual(500);
});

test("samples that are all the same have a range", () => {
  const same = { median_ms: 10, low_ms: 10, high_ms: 10 };
  const [low, high] = shownRange([10, 10, 10], same);
  expect(low).toBeLessThan(10);
  expect(high).toBeGreaterThan(10);
});
