// Convolution against its reference, in all its mappings; its gradients; what it must be by
// definition.
import { expect, test } from "vitest";
import {
  conv2d as conv2dOp,
  conv2dAttributes,
  type Conv2dOptions,
} from "../../src/graph/ops/conv2d.ts";
import { graph } from "../../src/graph/graph.ts";
import {
  conv2d,
  conv2dDepthwise,
  conv2dFew,
  conv2dMatrix,
  conv2dNarrow,
  conv2dPanel,
  conv2dPanelStrided,
  conv2dRegister,
  conv2dStrip,
  conv2dSubgroup,
  conv2dVec4,
} from "../../src/kernels/convolution/conv2d.ts";
import { conv2dParams, conv2dSlices } from "../../src/kernels/convolution/conv2d_geometry.ts";
import { present, withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  withOp(conv2d, ({ x, weight, bias }, { stride, padding, dilation, groups }) =>
    conv2dOp(x, weight, present(bias), { stride, pad: padding, dilation, groups }),
  ),
  conv2dStrip,
  conv2dNarrow,
  conv2dPanel,
  conv2dPanelStrided,
  conv2dFew,
  conv2dVec4,
  conv2dSubgroup,
  conv2dRegister,
  conv2dDepthwise,
  conv2dMatrix,
);

const shape = (x: number[], weight: number[], options: Conv2dOptions): readonly number[] => {
  const g = graph();
  return conv2dOp(g.input("x", x), g.input("weight", weight), null, options).shape;
};

test("conv2d: sizes are rounded down, as PyTorch does", () => {
  expect(shape([6, 96, 160, 4], [64, 7, 7, 4], { stride: 2, pad: 3 })).toEqual([6, 48, 80, 64]);
  expect(shape([1, 5, 6, 2], [3, 3, 3, 2], { stride: 2 })).toEqual([1, 2, 2, 3]);
  expect(shape([1, 9, 9, 4], [8, 3, 3, 2], { dilation: [2, 1], groups: 2 })).toEqual([1, 5, 7, 8]);
  expect(shape([1, 4, 4, 1], [1, 2, 2, 1], { pad: [1, 0, 0, 3] })).toEqual([1, 4, 6, 1]);
});

test("conv2d: what does not fit is refused with its numbers", () => {
  const x = [1, 4, 4, 3];
  expect(() => shape(x, [8, 3, 3, 6], {})).toThrow("the image has 3 channels");
  expect(() => shape(x, [8, 7, 7, 3], {})).toThrow("does not fit into an image of [4, 4]");
  expect(() => shape(x, [8, 3, 3, 3], { stride: 0 })).toThrow("stride [0, 0]");
  expect(() => shape(x, [8, 3, 3, 3], { pad: -1 })).toThrow("padding [-1, -1, -1, -1]");
});

test("conv2d: a kernel with a single 1 moves the image", () => {
  const x = Float64Array.from({ length: 2 * 3 * 4 }, (_, i) => i + 1); // [2, 3, 4, 1]
  const weight = new Float64Array(9);
  weight[2] = 1; // row 0, column 2: y sees the pixel above and to the right
  const shapes = { x: [2, 3, 4, 1], weight: [1, 3, 3, 1], bias: [0] };
  const attributes = {
    stride: [1, 1],
    padding: [1, 1, 1, 1],
    dilation: [1, 1],
    groups: 1,
    slices: 1,
  } as const;
  const { y } = conv2d.reference({ x, weight, bias: new Float64Array(0) }, shapes, attributes);
  expect([...y]).toEqual([
    0, 0, 0, 0, 2, 3, 4, 0, 6, 7, 8, 0, 0, 0, 0, 0, 14, 15, 16, 0, 18, 19, 20, 0,
  ]);
});

test("conv2d: long sums of few outputs are cut into slices", () => {
  const slices = (x: number[], weight: number[], stride = 1): number =>
    conv2dSlices(conv2dParams(x, weight, conv2dAttributes({ pad: 1, stride })));
  // the layers of a ResNet-18 at 96x160, six views
  expect(slices([6, 24, 40, 64], [64, 3, 3, 64])).toBe(1);
  expect(slices([6, 12, 20, 128], [128, 3, 3, 128])).toBe(2);
  expect(slices([6, 6, 10, 256], [256, 3, 3, 256])).toBe(4);
  expect(slices([6, 3, 5, 512], [512, 3, 3, 512])).toBe(8);
  expect(slices([0, 3, 5, 512], [512, 3, 3, 512])).toBe(8);
});
