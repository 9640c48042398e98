// The last step of Winograd's gradient with respect to the weight: from products at the points to
// 3x3 taps.
import { like, type NumberArray } from "../../tensor/array.ts";
import type { Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel, type Params } from "../../engine/kernel.ts";
import type { Problem } from "../../engine/problem.ts";
import { shaders } from "../shaders.gen.ts";
import { expectInFours } from "./winograd.ts";
import { PATCH, POINTS, TAPS_AT_POINTS, turned } from "./winograd_points.ts";
import { partOf, transformed, type Part } from "./winograd_reference.ts";

/** G^T, from 6 points to 3 taps. */
const TO_TAPS = turned(TAPS_AT_POINTS);

/** Whether the result is added to d_weight, for the parts of a sum after the first. */
export interface WinogradGradWeightAttributes {
  readonly adds: boolean;
}

type Input = "products" | "d_weight";

const cases: readonly Problem<Input, WinogradGradWeightAttributes>[] = (
  [
    ["one vector", 1, 4, false],
    ["one vector, added", 1, 4, true],
    ["primes", 7, 12, false],
    ["more than a workgroup, added", 5, 68, true],
    ["no channels of y", 0, 4, false],
  ] as const
).map(([name, out_c, channels, adds]) => ({
  name,
  shapes: { products: [POINTS, out_c, channels], d_weight: [out_c, 3, 3, channels] },
  attributes: { adds },
}));

/** The numbers of weights per tap and of channels; throws unless both tensors have them in fours. */
function paramsOf({
  products,
  d_weight,
}: Readonly<Record<Input, Shape>>): Params<typeof shaders.winograd_grad_weight> {
  const [, out_c = 0, channels = 0] = products;
  expectShape({ products }, [POINTS, out_c, channels]);
  expectShape({ d_weight }, [out_c, 3, 3, channels]);
  expectInFours("products", products);
  return { weights: out_c * channels, channels };
}

/**
 * The gradient of a 3x3 weight from its products at the points, G^T m G: the derivative of
 * `winogradWeight`; with `adds`, d_weight grows by it. products [36, O, C] -> d_weight [O, 3, 3, C]. What
 * is not finite spreads over the taps. Throws InputError unless C is a multiple of four. Source: Lavin
 * and Gray 2016, eq. 12 transposed.
 */
export const winogradGradWeight: Kernel<
  typeof shaders.winograd_grad_weight,
  WinogradGradWeightAttributes
> = kernel({
  shader: shaders.winograd_grad_weight,
  axes: { products: "36, O, C", d_weight: "O, 3, 3, C" },
  shapes: (shapes) => {
    paramsOf(shapes);
    return {};
  },
  params: (shapes) => paramsOf(shapes),
  overrides: (_, { adds }) => ({ ADDS: adds }),
  grid: ({ weights }, { WG }) => foldGrid(Math.ceil(weights / 4 / WG)),
  cost: (shapes, { adds }) => {
    const { weights } = paramsOf(shapes);
    // per transform of six numbers to three, 14 operations; per row of points and tap, 2
    return {
      flops: (PATCH * (14 + 2 * 9) + (adds ? 9 : 0)) * weights,
      bytes: 4 * (POINTS + (adds ? 18 : 9)) * weights,
    };
  },
  terms: () => POINTS + 1,
  magnitudes: (inputs, shapes, attributes) => tapsOf(inputs, shapes, attributes, "magnitude"),
  cases,
  reference: (inputs, shapes, attributes) => tapsOf(inputs, shapes, attributes, "value"),
});

function tapsOf<T extends NumberArray>(
  { products, d_weight }: Readonly<Record<Input, T>>,
  shapes: Readonly<Record<Input, Shape>>,
  { adds }: WinogradGradWeightAttributes,
  part: Part,
): { d_weight: T } {
  const { weights, channels } = paramsOf(shapes);
  const made = like(products, 9 * weights);
  for (let at = 0; at < weights; at++) {
    const o = Math.floor(at / channels);
    const read = (i: number, j: number): number => products[(PATCH * i + j) * weights + at];
    const taps = transformed(TO_TAPS, PATCH, part, read);
    taps.flat().forEach((value, tap) => {
      const to = (o * 9 + tap) * channels + (at % channels);
      made[to] = value + (adds ? partOf(d_weight[to], part) : 0);
    });
  }
  return { d_weight: made };
}
