// The transforms of a Winograd convolution against their references, and that together with the
// products they are the convolution.
import { expect, test } from "vitest";
import { conv2d } from "../../src/kernels/convolution/conv2d.ts";
import {
  winogradImage,
  winogradOutput,
  winogradWeight,
} from "../../src/kernels/convolution/winograd.ts";
import { POINTS } from "../../src/kernels/convolution/winograd_points.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(winogradImage, winogradWeight, winogradOutput);

test("the products of both transforms are the convolution, in f64", () => {
  const [views, height, width, channels, outputs] = [2, 5, 6, 4, 8];
  const stream = randomStream(1);
  const normal = (count: number): Float64Array =>
    Float64Array.from({ length: count }, () => stream.normal());
  const x = normal(views * height * width * channels);
  const weight = normal(outputs * 9 * channels);
  const bias = normal(outputs);
  const shapes = {
    x: [views, height, width, channels],
    weight: [outputs, 3, 3, channels],
    bias: [outputs],
  };
  // every side padded differently
  const padding = [2, 1, 0, 1] as const;
  const output = [6, 5] as const;
  const attributes = { stride: [1, 1], padding, dilation: [1, 1], groups: 1, slices: 1 } as const;
  const { y: want } = conv2d.reference({ x, weight, bias }, shapes, attributes);
  const lines = [0, 4] as const;
  const of = { padding: [padding[0], padding[2]], output, lines } as const;
  const { image } = winogradImage.reference({ x }, { x: shapes.x }, of);
  const { taps } = winogradWeight.reference(
    { weight },
    { weight: shapes.weight },
    { turned: false },
  );
  const [, tiles] = winogradImage.shapes({ x: shapes.x }, of).image as [number, number];
  const products = new Float64Array(POINTS * tiles * outputs);
  for (let point = 0; point < POINTS; point++) {
    for (let tile = 0; tile < tiles; tile++) {
      for (let o = 0; o < outputs; o++) {
        for (let c = 0; c < channels; c++) {
          products[(point * tiles + tile) * outputs + o] +=
            image[(point * tiles + tile) * channels + c] *
            taps[(point * outputs + o) * channels + c];
        }
      }
    }
  }
  const { y } = winogradOutput.reference(
    { products, bias, y: new Float64Array(want.length) },
    { products: [POINTS, tiles, outputs], bias: [outputs], y: [views, ...output, outputs] },
    { relu: false, lines },
  );
  y.forEach((value, i) => expect(value).toBeCloseTo(want[i], 10));
});
