// The problems that convolutions are checked on.
import type { Problem } from "../../engine/problem.ts";
import type { Shape } from "../../tensor/shape.ts";
import type { Conv2dAttributes, Rectified } from "./conv2d_geometry.ts";

type Input = "x" | "weight" | "bias";
type Shapes = Readonly<Record<Input, Shape>>;

const plain: Conv2dAttributes = {
  stride: [1, 1],
  padding: [0, 0, 0, 0],
  dilation: [1, 1],
  groups: 1,
};
const same: Conv2dAttributes = { ...plain, padding: [1, 1, 1, 1] };
const none: Shape = [0];

export const TILE_AND_ONE = "3x3, a tile and one, bias";
// the sum of the output, and that of the gradient with respect to x, is cut in slices
export const LONG: Shapes = { x: [1, 2, 3, 128], weight: [8, 3, 3, 128], bias: [8] };
export const WIDE: Shapes = { x: [1, 2, 3, 8], weight: [128, 3, 3, 8], bias: [128] };

/** Geometries that every kernel of the family is checked on. */
export const conv2dGeometries: readonly Problem<Input, Conv2dAttributes>[] = [
  {
    name: TILE_AND_ONE,
    shapes: { x: [1, 5, 13, 17], weight: [65, 3, 3, 17], bias: [65] },
    attributes: same,
  },
  { name: "one", shapes: { x: [1, 1, 1, 1], weight: [1, 1, 1, 1], bias: none }, attributes: plain },
  {
    name: "stem 7x7 stride 2",
    shapes: { x: [2, 11, 14, 3], weight: [15, 7, 7, 3], bias: none },
    attributes: { ...plain, stride: [2, 2], padding: [3, 3, 3, 3] },
  },
  {
    name: "even kernel, every side padded differently, bias",
    shapes: { x: [2, 7, 6, 5], weight: [33, 2, 4, 5], bias: [33] },
    attributes: { ...plain, stride: [1, 2], padding: [0, 1, 2, 3] },
  },
  {
    name: "dilated, stride 3 by 2",
    shapes: { x: [1, 13, 11, 4], weight: [16, 3, 2, 4], bias: none },
    attributes: { ...plain, stride: [3, 2], padding: [2, 1, 0, 2], dilation: [2, 3] },
  },
  {
    name: "dilation that shares a factor with the stride",
    shapes: { x: [1, 12, 9, 2], weight: [3, 3, 3, 2], bias: none },
    attributes: { ...plain, stride: [4, 2], padding: [2, 2, 2, 2], dilation: [2, 4] },
  },
  {
    name: "groups, bias",
    shapes: { x: [1, 6, 7, 12], weight: [51, 3, 3, 4], bias: [51] },
    attributes: { ...same, groups: 3 },
  },
  {
    name: "depthwise, two outputs per channel, bias",
    shapes: { x: [2, 6, 9, 19], weight: [38, 3, 3, 1], bias: [38] },
    attributes: { ...same, stride: [2, 1], groups: 19 },
  },
  {
    name: "stride beyond the image, rows no tap reaches",
    shapes: { x: [2, 3, 9, 2], weight: [2, 1, 2, 2], bias: none },
    attributes: { ...plain, stride: [5, 4] },
  },
  {
    name: "no views",
    shapes: { x: [0, 4, 4, 3], weight: [5, 3, 3, 3], bias: none },
    attributes: same,
  },
  {
    name: "student's 1x1 at 1/16",
    shapes: { x: [6, 6, 10, 96], weight: [64, 1, 1, 96], bias: [64] },
    attributes: plain,
  },
];

export const cases: readonly Problem<Input, Conv2dAttributes & Rectified>[] = [
  ...conv2dGeometries.map((c) => ({ ...c, attributes: { ...c.attributes, slices: 1 } })),
  {
    name: "slices of a sum, the last one shorter, groups, bias",
    shapes: { x: [2, 3, 5, 14], weight: [18, 3, 2, 7], bias: [18] },
    attributes: { ...same, groups: 2, slices: 3 },
  },
  {
    name: "rectified, a tile and one, bias",
    shapes: { x: [1, 5, 13, 17], weight: [65, 3, 3, 17], bias: [65] },
    attributes: { ...same, slices: 1, relu: true },
  },
  {
    name: "rectified depthwise",
    shapes: { x: [2, 6, 9, 19], weight: [38, 3, 3, 1], bias: [38] },
    attributes: { ...same, stride: [2, 1], groups: 19, slices: 1, relu: true },
  },
];

// rows of y shorter and longer than strips, which gradients do not see
export const strips: readonly Problem<Input, Conv2dAttributes & Rectified>[] = [
  {
    name: "strip of 1, the image 1 high",
    shapes: { x: [2, 1, 3, 3], weight: [16, 1, 3, 3], bias: none },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "strip of 7, not padded, bias",
    shapes: { x: [1, 4, 9, 16], weight: [17, 3, 3, 16], bias: [17] },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "strip of 8, 1 channel",
    shapes: { x: [1, 3, 8, 1], weight: [1, 3, 3, 1], bias: [1] },
    attributes: { ...same, slices: 1 },
  },
  {
    name: "strip of 9, rows apart, every side padded differently",
    shapes: { x: [2, 7, 9, 17], weight: [3, 3, 3, 17], bias: none },
    attributes: {
      ...plain,
      stride: [2, 1],
      padding: [0, 1, 2, 0],
      dilation: [2, 1],
      slices: 1,
      relu: true,
    },
  },
  {
    name: "strip of 10, slices, groups, bias",
    shapes: { x: [1, 3, 10, 6], weight: [34, 3, 3, 3], bias: [34] },
    attributes: { ...same, groups: 2, slices: 2 },
  },
  {
    name: "strip of 17, the kernel 1 high, bias, rectified",
    shapes: { x: [3, 1, 19, 4], weight: [5, 1, 3, 4], bias: [5] },
    attributes: { ...plain, slices: 1, relu: true },
  },
];

// channels in fours, which another mapping takes
export const fours: readonly Problem<Input, Conv2dAttributes & Rectified>[] = [
  {
    name: "4 to 4 channels, one pixel",
    shapes: { x: [1, 1, 1, 4], weight: [4, 1, 1, 4], bias: none },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "fours, a tile of pixels and channels and some, bias, rectified",
    shapes: { x: [1, 3, 11, 20], weight: [36, 3, 3, 20], bias: [36] },
    attributes: { ...same, slices: 1, relu: true },
  },
  {
    name: "fours with strides, groups, slices of a sum, the last one shorter, bias",
    shapes: { x: [2, 5, 8, 40], weight: [24, 1, 2, 20], bias: [24] },
    attributes: { ...plain, stride: [2, 3], groups: 2, slices: 3 },
  },
  {
    name: "fours, dilated, every side padded differently",
    shapes: { x: [2, 4, 5, 4], weight: [8, 2, 3, 4], bias: [8] },
    attributes: { ...plain, padding: [0, 1, 3, 2], dilation: [3, 2], slices: 1 },
  },
  {
    name: "fours, two narrow tiles, the last one shorter, pixels of two images in a tile, bias",
    shapes: { x: [3, 3, 5, 8], weight: [44, 1, 1, 8], bias: [44] },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "fours to one channel, pixels of two images in a tile, bias",
    shapes: { x: [3, 3, 5, 12], weight: [1, 1, 1, 12], bias: [1] },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "fours to three channels, strides, groups, slices of a sum, rectified, bias",
    shapes: { x: [2, 5, 8, 40], weight: [6, 2, 3, 20], bias: [6] },
    attributes: { ...same, stride: [2, 3], groups: 2, slices: 2, relu: true },
  },
  {
    name: "fours, two narrow tiles of 32, the last one shorter, one pixel more than a tile of them",
    shapes: { x: [1, 3, 11, 4], weight: [60, 2, 1, 4], bias: none },
    attributes: { ...plain, padding: [1, 0, 0, 0], slices: 1 },
  },
  {
    name: "fours, no views",
    shapes: { x: [0, 4, 4, 8], weight: [4, 3, 3, 8], bias: none },
    attributes: { ...same, slices: 1 },
  },
  {
    name: "fours, but slices of a sum that are not",
    shapes: { x: [1, 3, 3, 12], weight: [8, 1, 1, 12], bias: none },
    attributes: { ...plain, slices: 2 },
  },
];

// 3x3 weights, which another mapping keeps in private memory
export const panels: readonly Problem<Input, Conv2dAttributes & Rectified>[] = [
  {
    name: "panels, two passes over channels, the last one shorter, bias, rectified",
    shapes: { x: [2, 3, 5, 36], weight: [44, 3, 3, 36], bias: [44] },
    attributes: { ...same, slices: 1, relu: true },
  },
  {
    name: "panels, a map that the rule gives them",
    shapes: { x: [3, 13, 21, 24], weight: [24, 3, 3, 24], bias: none },
    attributes: { ...same, slices: 1 },
  },
  {
    name: "panels, slices, the last one empty, bias",
    shapes: { x: [1, 4, 6, 16], weight: [4, 3, 3, 16], bias: [4] },
    attributes: { ...same, slices: 5 },
  },
  {
    name: "panels, padded by more than the kernel reaches",
    shapes: { x: [1, 3, 3, 8], weight: [9, 3, 3, 8], bias: none },
    attributes: { ...plain, padding: [1, 3, 4, 1], slices: 1 },
  },
  {
    name: "panels of stride 2, two passes over channels, the last one shorter, bias, rectified",
    shapes: { x: [2, 7, 10, 36], weight: [44, 3, 3, 36], bias: [44] },
    attributes: { ...same, stride: [2, 2], slices: 1, relu: true },
  },
  {
    name: "panels of stride 2, slices, the last one empty, every side padded differently, bias",
    shapes: { x: [1, 4, 5, 16], weight: [4, 3, 3, 16], bias: [4] },
    attributes: { ...plain, stride: [2, 2], padding: [2, 0, 0, 1], slices: 5 },
  },
];
