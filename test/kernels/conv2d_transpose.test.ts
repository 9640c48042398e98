// The shapes of the transposed convolution; conv2d_grad_input.test.ts checks its gradients.
import { expect, test } from "vitest";
import {
  conv2dTranspose,
  type Conv2dTransposeOptions,
} from "../../src/graph/ops/conv2d_transpose.ts";
import { graph } from "../../src/graph/graph.ts";

const shape = (weight: number[], options: Conv2dTransposeOptions): readonly number[] => {
  const g = graph();
  return conv2dTranspose(g.input("x", [2, 5, 7, 6]), g.input("weight", weight), null, options)
    .shape;
};

test("conv2d_transpose: the shapes a decoder expects", () => {
  // twice the size: the usual 4x4 stride 2, and 3x3 with output padding
  expect(shape([6, 4, 4, 3], { stride: 2, pad: 1 })).toEqual([2, 10, 14, 3]);
  expect(shape([6, 3, 3, 3], { stride: 2, pad: 1, outputPadding: 1 })).toEqual([2, 10, 14, 3]);
  expect(shape([6, 2, 3, 1], { groups: 2, dilation: 2 })).toEqual([2, 7, 11, 2]);
});

test("conv2d_transpose: output padding of a whole stride is refused", () => {
  expect(() => shape([6, 3, 3, 2], { stride: 2, outputPadding: 2 })).toThrow(
    "must be less than the stride",
  );
});
