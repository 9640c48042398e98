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
])("%s anywhere lowers the flag", async (_, bad) => {
  const gradients = Array.from({ length: 5000 }, () => 0.1);
  gradients[4321] = bad;
  expect(await normOf(gradients, 1)).toEqual([0, 0, 0, 0]);
});

test.each([
  ["large", 2e25],
  ["as large as f32 holds", 5e36],
  ["small", 3e-25],
  ["tiny", 2e-38],
])("gradients that are %s have their norm, though their squares are out of range", async (_, g) => {
  // 2,500 of them, half of them negative: the norm is 50 times one
  const gradients = Array.from({ length: 5000 }, (_zero, i) => [g, 0, -g, 0][i % 4]);
  const [length, clip, finite] = await normOf(gradients, 1000);
  expect(length / (50 * g)).toBeCloseTo(1, 5);
  expect((clip * Math.max(50 * g, 1000)) / 1000).toBeCloseTo(1, 5);
  expect(finite).toBe(1);
});

test("large and small gradients together have the norm of both", async () => {
  const [length] = await normOf([3e18, 4e18, 1e-20], 0);
  expect(length / 5e18).toBeCloseTo(1, 5);
  const [other] = await normOf([3e-18, 4e-18, 0], 0);
  expect(other / 5e-18).toBeCloseTo(1, 5);
  const [crossing] = await normOf([3e15, 1e15, 0], 0);
  expect(crossing / Math.hypot(3e15, 1e15)).toBeCloseTo(1, 5);
});

test("finite gradients whose norm overflows lower the flag", async () => {
  expect(await normOf([3e38, 3e38], 1)).toEqual([0, 0, 0, 0]);
});
