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
  const names = calls.map(({ kernel, name }) => `${kernel.shader.name} ${name}`);
  expect(new Set(names).size).toBe(names.length);
  for (const { name } of calls) expect(name).toMatch(/^\w+ .* x\d+$/);
});

test("the stem of nano is there, once, by the kernel that this adapter runs", () => {
  const stem = calls.filter(
    ({ kernel, shapes }) => familyOf(kernel) === conv2d && shapes["x"].join("x") === "6x96x160x4",
  );
  expect(stem.map(({ name }) => name)).toEqual(["conv2d x 6x96x160x4 weight 16x3x3x4 x1"]);
});

test("resnet18 has other problems of the same kernels", () => {
  const own = presetCalls("resnet18", gpu.facts).filter(
    ({ kernel }) => familyOf(kernel) === conv2d,
  );
  expect(own.some(({ shapes }) => shapes["weight"].join("x") === "64x7x7x4")).toBe(true);
});

test("inputs are valid: the smallest call of each kernel is right on them", async () => {
  const smallest = new Map<string, (typeof calls)[number]>();
  const numbers = ({ shapes }: (typeof calls)[number]): number =>
    Object.values(shapes).reduce((sum, shape) => sum + size(shape), 0);
  for (const call of calls) {
    const known = smallest.get(call.kernel.shader.name);
    if (known === undefined || numbers(call) < numbers(known)) {
      smallest.set(call.kernel.shader.name, call);
    }
  }
  for (const call of smallest.values()) {
    if (call.kernel.cost(call.shapes, call.attributes).flops > 2e7) continue;
    const { name, shapes, attributes, data } = call;
    expectRight(call, await checkCase(gpu, call.kernel, { name, shapes, attributes, data }));
  }
});
