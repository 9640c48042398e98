// Which tensors are stored as f16: none in which a mapping keeps parts of sums.
import { expect, test } from "vitest";
import { halfTensors } from "../../src/graph/half_tensors.ts";
import { kernelCall, type Program } from "../../src/graph/lower.ts";
import type { Tensor } from "../../src/graph/value.ts";
import { conv2d } from "../../src/kernels/convolution/conv2d.ts";
import { conv2dGradInput } from "../../src/kernels/convolution/conv2d_grad_input.ts";
import { LAVAPIPE } from "../support/adapters.ts";

const tensor = (name: string, ...shape: number[]): Tensor => ({ name, shape, value: null });

/** The tensors of a 3x3 convolution that are stored as f16, and the kernel that runs. */
function stored(terms: number, channels: number, stride: 1 | 2): readonly [string, ...string[]] {
  const attributes = {
    stride: [stride, stride],
    padding: [1, 1, 1, 1],
    dilation: [1, 1],
    groups: 1,
    slices: 1,
  } as const;
  const bindings = {
    x: tensor("x", 6, 24, 40, terms),
    weight: tensor("weight", channels, 3, 3, terms),
    bias: tensor("bias", 0),
    y: tensor("y", 6, 24 / stride, 40 / stride, channels),
  };
  const call = kernelCall("conv2d", conv2d, bindings, attributes, LAVAPIPE);
  const program = { calls: [call], rootOf: (one: Tensor) => one };
  const half = halfTensors(program as unknown as Program, () => false);
  return [call.kernel.shader.name, ...[...half].map(({ name }) => name)];
}

test("an output that a mapping reads again in the next pass stays f32", () => {
  expect(stored(24, 24, 1)).toEqual(["conv2d_panel", "x", "y"]);
  expect(stored(48, 24, 1)).toEqual(["conv2d_panel", "x"]);
  expect(stored(16, 24, 2)).toEqual(["conv2d_panel_strided", "x", "y"]);
  expect(stored(40, 24, 2)).toEqual(["conv2d_panel_strided", "x"]);
});

test("so does a gradient with respect to an input", () => {
  const attributes = {
    stride: [1, 1],
    padding: [1, 1, 1, 1],
    dilation: [1, 1],
    groups: 1,
    slices: 1,
    input: [24, 40],
  } as const;
  const storedOf = (terms: number): string[] => {
    const bindings = {
      d_y: tensor("d_y", 6, 24, 40, terms),
      weight: tensor("weight", terms, 3, 3, 24),
      bias: tensor("bias", 0),
      d_x: tensor("d_x", 6, 24, 40, 24),
    };
    const call = kernelCall("conv2d", conv2dGradInput, bindings, attributes, LAVAPIPE);
    expect(call.kernel.shader.name).toBe("conv2d_grad_input_panel");
    const program = { calls: [call], rootOf: (one: Tensor) => one };
    return [...halfTensors(program as unknown as Program, () => false)].map(({ name }) => name);
  };
  expect([storedOf(24), storedOf(48)]).toEqual([["d_y", "d_x"], ["d_y"]]);
});
