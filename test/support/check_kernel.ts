// The tests every kernel gets from its own table of cases.
import { expect, test } from "vitest";
import { checkCase, type CheckResult } from "../../src/kernels/check/check.ts";
import { failureLines } from "../../src/engine/failure_table.ts";
import type { AnyKernel, Case } from "../../src/engine/kernel.ts";
import { canRun } from "../../src/engine/mapping.ts";
import { gpu } from "./gpu.ts";

/**
 * Declares, for each case of each kernel: equal to the f64 reference, no store missing or astray,
 * same bits twice. The first case also runs with its pipeline specialised on the shape, as GPUs run
 * it.
 */
export function checkKernels(...kernels: readonly AnyKernel[]): void {
  for (const kernel of kernels) {
    kernel.cases.forEach((problem, i) => {
      const { shapes, attributes } = problem;
      test.skipIf(!canRun(kernel, gpu.facts, shapes, attributes))(
        `${kernel.shader.name} equals its reference: ${problem.name}`,
        async () => {
          for (const freeze of i === 0 ? [false, true] : [false]) {
            const result = await checkCase(gpu, kernel, problem, { freeze });
            expectRight(problem, result);
          }
        },
      );
    });
  }
}

/** Fails with the message and the tables of a case that went wrong. */
export function expectRight(
  problem: Case<string, unknown>,
  { name, ok, message, failures }: CheckResult,
): void {
  expect(ok, ["", message, ...failureLines(name, problem, failures), ""].join("\n")).toBe(true);
}
