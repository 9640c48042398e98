// The tests every kernel gets from its own table of cases.
import { expect, test } from "vitest";
import { checkCase, type CheckResult } from "../../src/kernels/check/check.ts";
import { failureLines } from "../../src/engine/failure_table.ts";
import type { AnyKernel } from "../../src/engine/kernel.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { canRun } from "../../src/engine/mapping.ts";
import { checkGradients, type KernelWithOp } from "./check_gradient.ts";
import { gpu } from "./gpu.ts";

/**
 * Declares, for each problem of each kernel: equal to the f64 reference, no store missing or
 * astray, same bits twice. The first problem also runs with its pipeline specialised on the shape,
 * as GPUs run it. With `withOp(kernel, op)`, the gradient checks that the problems ask for too;
 * throws if a kernel's problems ask for some and no op is given.
 */
export function checkKernels(...tested: readonly (AnyKernel | KernelWithOp)[]): void {
  const withOps = tested.filter((one) => "op" in one);
  for (const one of withOps) checkGradients(one);
  for (const one of tested) {
    const kernel = "op" in one ? one.kernel : one;
    const isDifferentiated = withOps.some((other) => sharesFunction(other.kernel, kernel));
    if (!isDifferentiated && kernel.cases.some(({ gradients = [] }) => gradients.length > 0)) {
      throw new Error(
        `${kernel.shader.name}: its problems ask for gradient checks, so give its op`,
      );
    }
    kernel.cases.forEach((problem, i) => {
      const { shapes, attributes } = problem;
      const lacking = kernel.shader.features.filter((name) => !gpu.facts.features.has(name));
      const why =
        lacking.length === 0 ? "" : ` (skipped: this adapter lacks ${lacking.join(", ")})`;
      test.skipIf(!canRun(kernel, gpu.facts, shapes, attributes))(
        `${kernel.shader.name} equals its reference: ${problem.name}${why}`,
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

/** Whether two kernels are mappings of one function, whose problems they share. */
function sharesFunction(a: AnyKernel, b: AnyKernel): boolean {
  return a.reference === b.reference;
}

/** Fails with the message and the tables of a wrong case. */
export function expectRight(problem: Problem, { name, ok, message, failures }: CheckResult): void {
  expect(ok, ["", message, ...failureLines(name, problem, failures), ""].join("\n")).toBe(true);
}
