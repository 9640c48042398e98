// Norm of the gradients: against its reference, its clip factor and its flag.
import { expect, test } from "vitest";
import { gradNorm } from "../../src/graph/ops/adamw.ts";
import { gradNorm as gradNormKernel, gradNormFinish } from "../../src/kernels/grad_norm.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(gradNormKernel, gradNormFinish);

const normOf = async (gradients: readonly number[], max_norm: number): Promise<number[]> => {
  const { norm } = await runGraph(
    (g) => ({ norm: gradNorm(g.input("gradients", [gradients.length]), { max_norm }) }),
    { gradients },
  );
  return [...norm];
};

test("a norm above the limit gives the factor that brings it there", async () => {
  expect(await normOf([3, 0, -4], 2.5)).toEqual([5, 0.5, 1, 0]);
});

test("a norm below the limit, or no limit, leaves gradients alone", async () => {
  expect(await normOf([3, 0, -4], 10)).toEqual([5, 1, 1, 0]);
  expect(await normOf([3, 0, -4], 0)).toEqual([5, 1, 1, 0]);
  expect(await normOf([0, 0], 1)).toEqual([0, 1, 1, 0]);
});

test.each([
  ["NaN", NaN],
  ["infinity", Infinity],
  ["a number whose square overflows", -1e30],
])("%s anywhere lowers the flag", async (_, bad) => {
  const gradients = Array.from({ length: 5000 }, () => 0.1);
  gradients[4321] = bad;
  expect(await normOf(gradients, 1)).toEqual([0, 0, 0, 0]);
});
