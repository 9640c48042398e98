// Mirroring, and the fusion of both predictions against Monodepth's formula.
import { expect, it } from "vitest";
import { fuseMirrored, mirrored, reversedViews } from "../../src/evaluate/flip.ts";

it("mirrors each row of each view, channels kept", () => {
  const size = { height: 1, width: 3 };
  const rgb = Uint8Array.of(1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16);
  expect([...mirrored(rgb, size, 2)]).toEqual([5, 6, 3, 4, 1, 2, 15, 16, 13, 14, 11, 12]);
});

it("turns the order of the views around", () => {
  expect([...reversedViews(Float32Array.of(1, 2, 3, 4, 5, 6), 3)]).toEqual([5, 6, 3, 4, 1, 2]);
  expect(() => reversedViews(new Float32Array(7), 3)).toThrow("do not fit the views");
});

it("takes the other at the left border, its own at the right, the mean of disparities between", () => {
  const width = 41;
  const size = { height: 1, width };
  const own = new Float32Array(width).fill(10);
  const other = new Float32Array(width).fill(20);
  const fused = fuseMirrored(own, other, size);
  expect(fused[0]).toBe(20);
  expect(fused[width - 1]).toBe(10);
  expect(fused[width >> 1]).toBeCloseTo(1 / (0.5 * (1 / 10 + 1 / 20)), 5);
  // x = 3/40: the ramp is at 1 - 20 (0.075 - 0.05) = 0.5.
  expect(fused[3]).toBeCloseTo(1 / (0.5 / 20 + 0.5 * 0.5 * (1 / 10 + 1 / 20)), 5);
  expect(fused[width - 4]).toBeCloseTo(1 / (0.5 / 10 + 0.5 * 0.5 * (1 / 10 + 1 / 20)), 5);
});
