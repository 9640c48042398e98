// The problems of a training step: those that the plan runs, and valid for their kernels.
import { expect, test } from "vitest";
import { familyOf, presetCalls } from "../../../src/profile/kernel/preset.ts";
import { checkCase } from "../../../src/kernels/check/check.ts";
import { conv2d } from "../../../src/kernels/convolution/conv2d.ts";
import { size } from "../../../src/tensor/shape.ts";
import { expectRight } from "../../support/check_kernel.ts";
import { gpu } from "../../support/gpu.ts";

const calls = presetCalls("nano", gpu.facts);

test("every call is told apart by its name", () => {
  const names = calls.map(({ kernel, problem }) => `${kernel.shader.name} ${problem.name}`);
  expect(new Set(names).size).toBe(names.length);
  for (const { problem } of calls) expect(problem.name).toMatch(/^\w+ .* x\d+$/);
});

test("the stem of nano is there, once, by the kernel that this adapter runs", () => {
  const stem = calls.filter(
    ({ kernel, problem }) =>
      familyOf(kernel) === conv2d && problem.shapes["x"].join("x") === "6x96x160x4",
  );
  expect(stem.map(({ problem }) => problem.name)).toEqual([
    "conv2d x 6x96x160x4 weight 16x3x3x4 x1",
  ]);
});

test("resnet18 has other problems of the same kernels", () => {
  const own = presetCalls("resnet18", gpu.facts).filter(
    ({ kernel }) => familyOf(kernel) === conv2d,
  );
  expect(own.some(({ problem }) => problem.shapes["weight"].join("x") === "64x7x7x4")).toBe(true);
});

test("inputs are valid: the smallest call of each kernel is right on them", async () => {
  const smallest = new Map<string, (typeof calls)[number]>();
  const numbers = ({ problem }: (typeof calls)[number]): number =>
    Object.values(problem.shapes).reduce((sum, shape) => sum + size(shape), 0);
  for (const call of calls) {
    const known = smallest.get(call.kernel.shader.name);
    if (known === undefined || numbers(call) < numbers(known)) {
      smallest.set(call.kernel.shader.name, call);
    }
  }
  for (const { kernel, problem } of smallest.values()) {
    if (kernel.cost(problem.shapes, problem.attributes).flops > 2e7) continue;
    expectRight(problem, await checkCase(gpu, kernel, problem));
  }
});
