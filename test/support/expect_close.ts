// Compares whole tensors of the GPU with those of the interpreter.
import { expect } from "vitest";
import { NETWORK_TOLERANCE } from "../../src/engine/tolerance.ts";

/**
 * Asserts that results in f32 agree with those in f64, by name: the worst difference relative to
 * the largest element of its tensor.
 */
export function expectClose(
  got: Readonly<Record<string, ArrayLike<number>>>,
  want: Readonly<Record<string, ArrayLike<number>>>,
): void {
  expect(Object.keys(got).toSorted()).toEqual(Object.keys(want).toSorted());
  for (const [name, values] of Object.entries(want)) {
    expect(got[name].length, name).toBe(values.length);
    let [scale, worst] = [1e-6, 0];
    for (let i = 0; i < values.length; i++) {
      scale = Math.max(scale, Math.abs(values[i]));
      const error = Math.abs(got[name][i] - values[i]);
      worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
    }
    expect(worst / scale, name).toBeLessThan(NETWORK_TOLERANCE);
  }
}
