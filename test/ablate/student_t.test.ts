// Quantiles of Student's t and paired intervals against published values.
import { expect, test } from "vitest";
import { deviationOf, meanOf, pairedMean } from "../../src/ablate/paired.ts";
import { studentT } from "../../src/ablate/student_t.ts";

// Two-sided 95 %, for 1 to 30 degrees of freedom, as printed tables have them.
const PUBLISHED = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
];

test.each(PUBLISHED.map((t, i) => [i + 1, t] as const))("t of %i degrees is %f", (freedom, t) => {
  expect(Math.abs(studentT(freedom) - t)).toBeLessThanOrEqual(0.0005000001);
});

test("other probabilities and many degrees", () => {
  // One degree is the Cauchy distribution, two have a closed form.
  expect(studentT(1, 0.5)).toBeCloseTo(1, 12);
  expect(studentT(2, 0.9)).toBeCloseTo(0.9 / Math.sqrt((1 - 0.9 ** 2) / 2), 12);
  expect(studentT(10, 0.99)).toBeCloseTo(3.169, 3);
  expect(studentT(1_000_000)).toBeCloseTo(1.959966, 5);
  expect(() => studentT(0)).toThrow("0 degrees of freedom");
  expect(() => studentT(3, 1)).toThrow("probability 1");
});

test("the interval of paired differences", () => {
  // Student's own sleep data (1908): mean 1.58, 95 % interval 0.70 to 2.46.
  const sleep = [1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4];
  const { mean, interval } = pairedMean(sleep)!;
  expect(mean).toBeCloseTo(1.58, 10);
  expect(interval!.low).toBeCloseTo(0.7001142, 6);
  expect(interval!.high).toBeCloseTo(2.4598858, 6);
});

test("none, one and equal differences", () => {
  expect(pairedMean([])).toBeNull();
  expect(pairedMean([3])).toEqual({ mean: 3, interval: null });
  expect(pairedMean([0.1, 0.1, 0.1])).toEqual({ mean: 0.1, interval: { low: 0.1, high: 0.1 } });
  expect(meanOf([1, 2, 6])).toBe(3);
  expect(deviationOf([5])).toBeNull();
  expect(deviationOf([1, 3])).toBeCloseTo(Math.SQRT2, 14);
});
