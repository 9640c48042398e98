// How far numbers are apart: zeros, NaN and the floor of a norm.
import { expect, test } from "vitest";
import { relativeNorm, worstRelative } from "../../src/tensor/differences.ts";

test("the worst element counts by its own size, a norm as a whole", () => {
  expect(worstRelative([100, 2], [101, 1])).toBe(1);
  expect(relativeNorm([3, 4, 5], [3, 4, 0])).toBe(1);
  expect(relativeNorm([1], [0.5], 5)).toBe(0.1);
});

test("zeros agree, a zero against something and a NaN are as wrong as can be", () => {
  for (const compare of [worstRelative, relativeNorm]) {
    expect(compare([0, 0], [0, 0])).toBe(0);
    expect(compare([1], [0])).toBe(Infinity);
    expect(compare([Number.NaN], [1])).toBe(Infinity);
    expect(compare([1], [Number.NaN])).toBe(Infinity);
  }
});
