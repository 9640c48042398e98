// Gradient descent with momentum over a flat arena: against its reference, against steps by hand,
// and what a number that is not finite does.
import { expect, test } from "vitest";
import { runKernel } from "../../src/engine/run.ts";
import { sgd, type SgdAttributes } from "../../src/kernels/sgd.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(sgd);

const n = 128;
const shapes = {
  scalars: [64],
  gradients: [n],
  decay: [2],
  norm: [4],
  parameters: [n],
  first_moments: [n],
};
const inputs = {
  scalars: new Float32Array(64).fill(0.1),
  gradients: new Float32Array(n).fill(3),
  decay: Float32Array.of(1, 0),
  norm: Float32Array.of(3, 1, 1, 0),
  parameters: new Float32Array(n).fill(2),
  first_moments: new Float32Array(n),
};
const plain: SgdAttributes = {
  momentum: 0.5,
  nesterov: false,
  weight_decay: 0.25,
  slots: { learning_rate: 7 },
};

test.each([
  // d = 3 + 0.25 p where the block decays; v = d, then 0.5 v + d
  [false, [2 - 0.1 * 3.5, 2 - 0.1 * 3], [1.65 - 0.1 * (1.75 + 3.4125), 1.7 - 0.1 * 4.5]],
  [true, [2 - 0.1 * 5.25, 2 - 0.1 * 4.5], [1.475 - 0.1 * (3.36875 + 0.5 * 5.11875), 1.55 - 0.525]],
])("two steps by hand, nesterov %s", async (nesterov, first, second) => {
  const attributes = { ...plain, nesterov };
  const one = await runKernel(gpu, sgd, inputs, shapes, attributes);
  expect(one["parameters"][0]).toBeCloseTo(first[0], 6);
  expect(one["parameters"][64]).toBeCloseTo(first[1], 6);
  const two = await runKernel(gpu, sgd, { ...inputs, ...one }, shapes, attributes);
  expect(two["parameters"][0]).toBeCloseTo(second[0], 6);
  expect(two["parameters"][64]).toBeCloseTo(second[1], 6);
});

test("a step with a non-finite gradient changes nothing", async () => {
  const bad = { ...inputs, norm: new Float32Array(4), gradients: inputs.gradients.with(3, NaN) };
  const { parameters, first_moments } = await runKernel(gpu, sgd, bad, shapes, plain);
  expect(parameters.every((v) => v === 2)).toBe(true);
  expect(first_moments.every((v) => v === 0)).toBe(true);
});

test.each(["parameters", "first_moments"] as const)(
  "a number that is not finite in %s raises the flag and stays; the others move",
  async (arena) => {
    for (const value of [NaN, Infinity, -Infinity]) {
      const bad = { ...inputs, [arena]: inputs[arena].with(70, value) };
      const after = await runKernel(gpu, sgd, bad, shapes, plain);
      expect(after[arena][70]).toBe(value);
      expect(after["norm"][3]).toBe(1);
      expect(after["parameters"][71]).not.toBe(2);
    }
  },
);
