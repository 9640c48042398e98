// The tests every kernel gets from its own table of cases.
import { expect, test } from "vitest";
import { checkCase } from "../../src/kernels/check.ts";
import type { AnyKernel } from "../../src/engine/kernel.ts";
import { gpu } from "./gpu.ts";

/**
 * Declares, for each case of each kernel: equal to the f64 reference, no store missing or astray,
 * same bits twice. The first case also runs with its pipeline specialised on the shape, as GPUs run
 * it.
 */
export function checkKernels(...kernels: readonly AnyKernel[]): void {
  for (const kernel of kernels) {
    const able = kernel.shader.features.every((name) => gpu.facts.features.has(name));
    kernel.cases.forEach((problem, i) => {
      const offered =
        able && (kernel.offered?.(gpu.facts, problem.shapes, problem.attributes) ?? true);
      test.skipIf(!offered)(
        `${kernel.shader.name} equals its reference: ${problem.name}`,
        async () => {
          for (const freeze of i === 0 ? [false, true] : [false]) {
            const result = await checkCase(gpu, kernel, problem, { freeze });
            expect(result.message).toBe("");
          }
        },
      );
    });
  }
}
