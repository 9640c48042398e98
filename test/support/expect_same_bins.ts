// Compares a fused bin decode with an unfused one, in units of the largest centre.
import { expect } from "vitest";
import { BIN_DEPTH_TOLERANCE, BIN_GRADIENT_TOLERANCE } from "../../src/engine/tolerance.ts";
import { relativeNorm } from "../../src/tensor/differences.ts";

/**
 * Asserts that results agree up to rounding: `depths` by the worst pixel, for centres up to 1 in
 * any order, everything else by norms.
 */
export function expectSameBins(
  got: Readonly<Record<string, Float32Array>>,
  want: Readonly<Record<string, Float32Array>>,
  depths: readonly string[],
): void {
  expect(Object.keys(got).toSorted()).toEqual(Object.keys(want).toSorted());
  for (const [name, values] of Object.entries(want)) {
    if (depths.includes(name)) {
      const worst = values.reduce((most, v, i) => Math.max(most, Math.abs(got[name][i] - v)), 0);
      expect(worst, name).toBeLessThan(BIN_DEPTH_TOLERANCE);
    } else {
      expect(relativeNorm(got[name], values), name).toBeLessThan(BIN_GRADIENT_TOLERANCE);
    }
  }
}
