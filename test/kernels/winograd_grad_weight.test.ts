// From products at Winograd's points to taps against the reference, and the whole gradient in f64
// against the direct sum.
import { expect, test } from "vitest";
import { conv2dGradWeight } from "../../src/kernels/convolution/conv2d_grad_weight.ts";
import { winogradImage } from "../../src/kernels/convolution/winograd.ts";
import { winogradGradWeight } from "../../src/kernels/convolution/winograd_grad_weight.ts";
import { winogradSlopes } from "../../src/kernels/convolution/winograd_slopes.ts";
import { gemm } from "../../src/kernels/gemm.ts";
import { size } from "../../src/tensor/shape.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(winogradGradWeight);

const numbers = (count: number, step: number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => Math.sin(step * (i + 1)));

test.for([
  { x: [1, 1, 1, 4], padding: [1, 1, 1, 1], outputs: 4 },
  { x: [2, 4, 4, 4], padding: [1, 1, 1, 1], outputs: 8 },
  { x: [2, 7, 9, 8], padding: [0, 0, 0, 0], outputs: 4 },
  { x: [1, 5, 13, 4], padding: [2, 0, 0, 3], outputs: 12 },
] as const)("the steps give the direct gradient: $x to $outputs", ({ x, padding, outputs }) => {
  const [top, bottom, left, right] = padding;
  const output = [x[1] + top + bottom - 2, x[2] + left + right - 2] as const;
  const shapes = { x, d_y: [x[0], ...output, outputs] };
  const inputs = { x: numbers(size(x), 0.7), d_y: numbers(size(shapes.d_y), 1.3) };
  const attributes = {
    stride: [1, 1],
    padding,
    dilation: [1, 1],
    groups: 1,
    kernel: [3, 3],
  } as const;
  const { partials } = conv2dGradWeight.reference(inputs, shapes, attributes);
  const direct = new Float64Array(9 * outputs * x[3]);
  partials.forEach((value, i) => (direct[i % direct.length] += value));

  const tiles = { lines: [0, x[0] * Math.ceil(output[0] / 4)] } as const;
  const patches = { padding: [top, left], output, ...tiles } as const;
  const { image } = winogradImage.reference({ x: inputs.x }, { x }, patches);
  const { slopes } = winogradSlopes.reference(inputs, shapes, tiles);
  const points = {
    a: winogradSlopes.shapes(shapes, tiles).slopes,
    b: winogradImage.shapes({ x }, patches).image,
    bias: [0],
  };
  const { y } = gemm.reference({ a: slopes, b: image, bias: new Float64Array() }, points, {
    transpose_a: true,
    transpose_b: false,
    slices: 1,
  });
  const d_weight = { shape: [outputs, 3, 3, x[3]], data: new Float64Array(direct.length) };
  const taps = winogradGradWeight.reference(
    { products: y, d_weight: d_weight.data },
    { products: [36, outputs, x[3]], d_weight: d_weight.shape },
    { adds: false },
  );
  taps.d_weight.forEach((value, i) => expect(value).toBeCloseTo(direct[i], 11));
});
