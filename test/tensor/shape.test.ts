// Shapes and host arrays.
import { expect, test } from "vitest";
import { like } from "../../src/tensor/array.ts";
import { erf } from "../../src/tensor/erf.ts";
import { formatShape, sameShape, size, strides } from "../../src/tensor/shape.ts";

test("a scalar has one element, an axis of 0 none", () => {
  expect([size([]), size([2, 3, 4]), size([2, 0, 4])]).toEqual([1, 24, 0]);
});

test("strides are those of row-major order", () => {
  expect(strides([2, 3, 4])).toEqual([12, 4, 1]);
  expect(strides([])).toEqual([]);
});

test("shapes are the same by rank and axes", () => {
  expect(sameShape([2, 3], [2, 3])).toBe(true);
  expect([sameShape([2, 3], [3, 2]), sameShape([2], [2, 1])]).toEqual([false, false]);
  expect(formatShape([6, 96, 160, 4])).toBe("[6, 96, 160, 4]");
});

test("a like array is zeroed and of the same type", () => {
  expect(like(new Float64Array(2), 3)).toEqual(new Float64Array(3));
  expect(like(new Float32Array(2), 3)).toEqual(new Float32Array(3));
});

test("erf is odd, has its published values and saturates (Abramowitz and Stegun, table 7.1)", () => {
  const table: [number, number][] = [
    [0, 0],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.4999, 0.9995928300996666],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
    [6, 1],
  ];
  for (const [x, value] of table) {
    expect(Math.abs(erf(x) - value), `erf(${x})`).toBeLessThan(1e-14);
    expect(erf(-x) + erf(x)).toBe(0);
  }
  expect([erf(Infinity), erf(-Infinity)]).toEqual([1, -1]);
  expect(erf(NaN)).toBeNaN();
});
