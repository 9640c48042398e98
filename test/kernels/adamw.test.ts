// AdamW over a flat arena: against its reference, its first step, its decay, and what a non-finite
// gradient does.
import { expect, test } from "vitest";
import { adamw as adamwKernel, type AdamwAttributes } from "../../src/kernels/adamw.ts";
import { checkCase } from "../../src/kernels/check/check.ts";
import { runKernel } from "../../src/engine/run.ts";
import { sgd } from "../../src/kernels/sgd.ts";
import { checkKernels, expectRight } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(adamwKernel);

const attributes: AdamwAttributes = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weight_decay: 0.1,
  slots: { learning_rate: 3, correction1: 4, correction2: 5 },
};
const n = 128;
const shapes = {
  scalars: [64],
  gradients: [n],
  decay: [2],
  norm: [4],
  parameters: [n],
  first_moments: [n],
  second_moments: [n],
};
const step = (gradient: number, norm: readonly number[]): Promise<Record<string, Float32Array>> => {
  const scalars = new Float32Array(64);
  scalars.set([0.01, 1 / (1 - 0.9), 1 / (1 - 0.999)], 3);
  const inputs = {
    scalars,
    gradients: new Float32Array(n).fill(gradient),
    decay: Float32Array.from([1, 0]),
    norm: Float32Array.from(norm),
    parameters: new Float32Array(n).fill(2),
    first_moments: new Float32Array(n),
    second_moments: new Float32Array(n),
  };
  return runKernel(gpu, adamwKernel, inputs, shapes, attributes);
};

test("the first step is the learning rate against the gradient's sign", async () => {
  for (const gradient of [1e-3, -40]) {
    const { parameters } = await step(gradient, [1, 1, 1, 0]);
    expect(parameters[64]).toBeCloseTo(2 - 0.01 * Math.sign(gradient), 5);
  }
});

test("decay shrinks the parameter itself, only in blocks that decay", async () => {
  const { parameters, first_moments, second_moments } = await step(0, [0, 1, 1, 0]);
  expect(parameters[0]).toBeCloseTo(2 - 0.01 * 0.1 * 2, 6);
  expect(parameters[63]).toBe(parameters[0]);
  expect(parameters[64]).toBe(2);
  expect([...first_moments, ...second_moments].every((v) => v === 0)).toBe(true);
});

test("the clip factor of the norm scales the gradient", async () => {
  const { first_moments } = await step(4, [8, 0.25, 1, 0]);
  expect(first_moments[0]).toBeCloseTo(0.1, 6);
});

test("a step with a non-finite gradient changes nothing", async () => {
  const { parameters, first_moments, second_moments } = await step(NaN, [0, 0, 0, 0]);
  expect(parameters.every((v) => v === 2)).toBe(true);
  expect([...first_moments, ...second_moments].every((v) => v === 0)).toBe(true);
});

test("the second moment of a constant gradient is its square, to the last digits", async () => {
  // 1 - 0.999 made in f32 is off by 1.3e-5, and so would be what it converges to
  let state = await step(3, [1, 1, 1, 0]);
  const scalars = new Float32Array(64).fill(1);
  const inputs = {
    scalars,
    gradients: new Float32Array(n).fill(3),
    decay: Float32Array.from([1, 0]),
    norm: Float32Array.of(1, 1, 1, 0),
  };
  let want: Record<string, Float64Array> = Object.fromEntries(
    Object.entries(state).map(([name, values]) => [name, Float64Array.from(values)]),
  );
  const wide = Object.fromEntries(
    Object.entries(inputs).map(([name, values]) => [name, Float64Array.from(values)]),
  );
  for (let i = 0; i < 300; i++) {
    state = await runKernel(gpu, adamwKernel, { ...inputs, ...state }, shapes, attributes);
    want = adamwKernel.reference({ ...wide, ...want } as never, shapes, attributes);
  }
  expect(Math.abs(state.second_moments[0] / want.second_moments[0] - 1)).toBeLessThan(2e-6);
  expect(Math.abs(state.first_moments[0] / want.first_moments[0] - 1)).toBeLessThan(2e-6);
  // at its limit it stays there
  const settled = { ...inputs, ...state, second_moments: new Float32Array(n).fill(9) };
  const { second_moments } = await runKernel(gpu, adamwKernel, settled, shapes, attributes);
  expect(second_moments[0]).toBe(9);
});

const one = {
  scalars: new Float32Array(64).fill(1),
  gradients: new Float32Array(n).fill(3),
  decay: Float32Array.of(1, 1),
  norm: Float32Array.of(1, 1, 1, 0),
  parameters: new Float32Array(n).fill(2),
  first_moments: new Float32Array(n),
  second_moments: new Float32Array(n),
};

test("a step of finite numbers leaves the flag of the state alone", async () => {
  const { norm } = await runKernel(gpu, adamwKernel, one, shapes, attributes);
  expect([...norm]).toEqual([1, 1, 1, 0]);
});

test.each(
  (["parameters", "first_moments", "second_moments"] as const).flatMap((arena) =>
    [NaN, Infinity, -Infinity].map((value) => [value, arena] as const),
  ),
)("%s in %s raises the flag; its element stays, the others move", async (value, arena) => {
  for (const at of [0, 63, n - 1]) {
    const bad = one[arena].slice();
    bad[at] = value;
    const inputs = { ...one, [arena]: bad };
    const after = await runKernel(gpu, adamwKernel, inputs, shapes, attributes);
    expect([...after.norm]).toEqual([1, 1, 1, 1]);
    for (const name of ["parameters", "first_moments", "second_moments"] as const) {
      expect(after[name][at]).toBe(inputs[name][at]);
      expect(after[name][1]).not.toBe(one[name][1]);
    }
  }
});

test("a number that overflows in the update raises the flag in that step", async () => {
  const square = { ...one, gradients: one.gradients.with(70, 3e19) };
  const { norm, second_moments } = await runKernel(gpu, adamwKernel, square, shapes, attributes);
  expect([second_moments[70], norm[3]]).toEqual([Infinity, 1]);
  const scalars = one.scalars.with(attributes.slots.learning_rate, 3e38).with(4, 1e3);
  const far = await runKernel(gpu, adamwKernel, { ...one, scalars }, shapes, attributes);
  expect([far.parameters[0], far.norm[3]]).toEqual([-Infinity, 1]);
});

test("a large arena, several vectors per invocation, the last workgroup not full", async () => {
  const size = 2 ** 18 + 192;
  const large = Object.fromEntries(
    Object.entries({ ...shapes, decay: [size / 64] }).map(([name, shape]) => [
      name,
      shape[0] === n ? [size] : shape,
    ]),
  );
  for (const kernel of [adamwKernel, sgd]) {
    const [first] = kernel.cases;
    const names = Object.keys(first.shapes);
    const own = Object.fromEntries(names.map((name) => [name, large[name]]));
    expect(kernel.tuneRule?.(own as never, first.attributes as never)).toEqual({ STEP: 2 });
    const problem = { ...first, name: "large", shapes: own };
    expectRight(problem, await checkCase(gpu, kernel, problem));
  }
});
