// The transforms of a Winograd convolution F(4x4, 3x3): tiles of 4 x 4 outputs of a 3x3 convolution
// of stride 1 from 36 products per pair of channels instead of 144. `gemm` with 36 batches
// multiplies between them. src/graph/winograd.ts says where that is faster.
import { InputError } from "../../tensor/error.ts";
import { formatShape, size, type Shape } from "../../tensor/shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import type { Problem } from "../../engine/problem.ts";
import { expectBias } from "./conv2d_geometry.ts";
import { shaders } from "../shaders.gen.ts";
import { POINTS, tilesOf } from "./winograd_points.ts";
import { imageOf, outputOf, tapsOf } from "./winograd_reference.ts";

/** The lines of tiles to work on, counted over all views; a line has the tiles of four rows of y. */
export interface Lines {
  readonly lines: readonly [first: number, count: number];
}

/** Zeros above and to the left of the image, and the size of the feature map. */
export interface WinogradImageAttributes extends Lines {
  readonly padding: readonly [top: number, left: number];
  readonly output: readonly [h: number, w: number];
}

/** Whether the feature map is rectified: max(y, 0). */
export interface WinogradOutputAttributes extends Lines {
  readonly relu: boolean;
}

/** Views, rows, columns, channels. */
export type Map4 = readonly [number, number, number, number];

/** The sizes of a tensor; throws InputError unless it has four axes. */
export function expectMap(name: string, shape: Shape): Map4 {
  if (shape.length === 4) return shape as unknown as Map4;
  throw new InputError(`${name}${formatShape(shape)} must be [V, H, W, C]`);
}

/** Throws InputError unless the last axis, channels, is a multiple of four. */
export function expectInFours(name: string, shape: Shape): void {
  const channels = shape.at(-1) ?? 0;
  if (channels % 4 === 0 && channels > 0) return;
  throw new InputError(
    `${name}${formatShape(shape)} has ${channels} channels; Winograd convolutions need a multiple of four`,
  );
}

/** Throws InputError unless views of `tiles_h` lines have these. */
export function expectLines([first, count]: Lines["lines"], views: number, tiles_h: number): void {
  if (first >= 0 && count >= 0 && first + count <= views * tiles_h) return;
  throw new InputError(
    `${count} lines of tiles from ${first} on, but ${views} views have ${views * tiles_h}`,
  );
}

function imageCase(
  name: string,
  x: Shape,
  padding: readonly [number, number],
  output: readonly [number, number],
  lines: Lines["lines"] = [0, x[0] * tilesOf(output)[0]],
): Problem<"x", WinogradImageAttributes> {
  return { name, shapes: { x }, attributes: { padding, output, lines } };
}

/**
 * Patches of 6 x 6 pixels at the points of a Winograd convolution, B^T d B (Lavin and Gray 2016,
 * equation 12). x [V, H, W, C] -> image [36, LINES ceil(OW / 4), C]. What is not finite spreads over
 * its patch. Throws InputError unless C is a multiple of four.
 */
export const winogradImage: Kernel<typeof shaders.winograd_image, WinogradImageAttributes> = kernel(
  {
    shader: shaders.winograd_image,
    axes: { x: "V, H, W, C" },
    shapes: ({ x }, { output, lines }) => {
      const [views, , , channels] = expectMap("x", x);
      expectInFours("x", x);
      const [tiles_h, tiles_w] = tilesOf(output);
      expectLines(lines, views, tiles_h);
      return { image: [POINTS, lines[1] * tiles_w, channels] };
    },
    params: ({ x }, { padding, output, lines }) => {
      const [tiles_h, tiles_w] = tilesOf(output);
      return {
        in_h: x[1],
        in_w: x[2],
        channels: x[3],
        tiles_h,
        tiles_w,
        pad_top: padding[0],
        pad_left: padding[1],
        first_line: lines[0],
        lines: lines[1],
      };
    },
    grid: ({ lines, tiles_w, channels }, { WG, RUN }) =>
      foldGrid(Math.ceil((lines * Math.ceil(tiles_w / RUN) * channels) / 4 / WG)),
    cost: ({ x }, { output, lines }) => {
      const numbers = lines[1] * tilesOf(output)[1] * x[3];
      // per transform of six numbers, 10 products and 8 sums
      return { flops: 12 * 18 * numbers, bytes: 4 * (size(x) + POINTS * numbers) };
    },
    terms: () => POINTS,
    cases: [
      imageCase("a run and a tile, padded", [1, 8, 18, 4], [1, 1], [8, 18]),
      imageCase("one pixel", [1, 1, 1, 4], [1, 1], [1, 1]),
      imageCase("ragged tiles, more views than one, not padded", [2, 7, 9, 12], [0, 0], [5, 7]),
      imageCase("padded by two above, not to the left", [1, 5, 6, 8], [2, 0], [6, 4]),
      imageCase("lines of two views", [2, 9, 5, 8], [1, 1], [9, 5], [2, 3]),
      imageCase("no views", [0, 4, 4, 8], [1, 1], [4, 4]),
      imageCase("many workgroups", [1, 12, 37, 32], [1, 1], [12, 37]),
    ],
    reference: ({ x }, shapes, attributes) => ({
      image: imageOf(x, expectMap("x", shapes.x), attributes, "value"),
    }),
    magnitudes: ({ x }, shapes, attributes) => ({
      image: imageOf(x, expectMap("x", shapes.x), attributes, "magnitude"),
    }),
  },
);

/** Whether the taps are turned by 180 degrees, for the gradient with respect to the input. */
export interface WinogradWeightAttributes {
  readonly turned: boolean;
}

const weightCase = (
  name: string,
  outputs: number,
  channels: number,
  turned: boolean,
): Problem<"weight", WinogradWeightAttributes> => ({
  name,
  shapes: { weight: [outputs, 3, 3, channels] },
  attributes: { turned },
});

/**
 * The weight of a 3x3 convolution at the points, G g G^T (Lavin and Gray 2016, equation 12). weight
 * [O, 3, 3, C] -> taps [36, O, C]. Throws InputError unless C is a multiple of four.
 */
export const winogradWeight: Kernel<typeof shaders.winograd_weight, WinogradWeightAttributes> =
  kernel({
    shader: shaders.winograd_weight,
    axes: { weight: "O, 3, 3, C" },
    shapes: ({ weight }) => {
      expectShape({ weight }, [weight[0] ?? 0, 3, 3, weight[3] ?? 0]);
      expectInFours("weight", weight);
      return { taps: [POINTS, weight[0], weight[3]] };
    },
    params: ({ weight }) => ({ outputs: weight[0], channels: weight[3] }),
    overrides: (_, { turned }) => ({ TURNED: turned }),
    grid: ({ outputs, channels }, { WG }) => foldGrid(Math.ceil((outputs * channels) / 4 / WG)),
    cost: ({ weight }) => ({
      // per transform of three numbers, 7 products and quotients and 6 sums
      flops: 9 * 13 * weight[0] * weight[3],
      bytes: 4 * (9 + POINTS) * weight[0] * weight[3],
    }),
    terms: () => 9,
    cases: [
      weightCase("a workgroup and one", 33, 4, false),
      weightCase("primes, turned", 7, 20, true),
      weightCase("one to four channels", 1, 4, true),
    ],
    reference: ({ weight }, shapes, { turned }) => ({
      taps: tapsOf(weight, shapes.weight, turned, "value"),
    }),
    magnitudes: ({ weight }, shapes, { turned }) => ({
      taps: tapsOf(weight, shapes.weight, turned, "magnitude"),
    }),
  });

function outputCase(
  name: string,
  y: Map4,
  biased: boolean,
  relu: boolean,
  lines: Lines["lines"] = [0, y[0] * tilesOf([y[1], y[2]])[0]],
): Problem<"products" | "bias" | "y", WinogradOutputAttributes> {
  const products = [POINTS, lines[1] * tilesOf([y[1], y[2]])[1], y[3]];
  return {
    name,
    shapes: { products, bias: [biased ? y[3] : 0], y },
    attributes: { relu, lines },
  };
}

/**
 * Writes lines of a feature map from their products at the points, A^T m A + bias (Lavin and Gray
 * 2016, equation 12). products [36, LINES ceil(OW / 4), O], bias [O] or [0], y [V, OH, OW, O], whose
 * other rows stay as they are. Throws InputError unless O is a multiple of four.
 */
export const winogradOutput: Kernel<typeof shaders.winograd_output, WinogradOutputAttributes> =
  kernel({
    shader: shaders.winograd_output,
    axes: { products: "36, T, O", bias: "O", y: "V, OH, OW, O" },
    shapes: ({ products, bias, y }, { lines }) => {
      const [views, out_h, out_w, channels] = expectMap("y", y);
      expectInFours("y", y);
      const [tiles_h, tiles_w] = tilesOf([out_h, out_w]);
      expectLines(lines, views, tiles_h);
      expectShape({ products }, [POINTS, lines[1] * tiles_w, channels]);
      expectBias(bias, channels);
      return {};
    },
    params: ({ bias, y }, { lines }) => {
      const [, out_h, out_w, channels] = expectMap("y", y);
      const [tiles_h, tiles_w] = tilesOf([out_h, out_w]);
      return {
        out_h,
        out_w,
        channels,
        tiles_h,
        tiles_w,
        first_line: lines[0],
        lines: lines[1],
        has_bias: Number(size(bias) > 0),
      };
    },
    overrides: (_, { relu }) => ({ RELU: relu }),
    grid: ({ lines, tiles_w, channels }, { WG }) =>
      foldGrid(Math.ceil((lines * tiles_w * channels) / 4 / WG)),
    cost: ({ products, y }) => {
      const [, tiles, channels] = products as [number, number, number];
      // per transform to four numbers, 6 products and 10 sums; of y at most 16 numbers per tile
      const bytes = 4 * (size(products) + Math.min(size(y), 16 * tiles * channels));
      return { flops: 10 * 16 * tiles * channels, bytes };
    },
    terms: () => POINTS + 1,
    cases: [
      outputCase("a workgroup and one, bias", [1, 8, 12, 24], true, false),
      outputCase("one pixel", [1, 1, 1, 4], false, false),
      outputCase("ragged tiles, bias, rectified", [2, 5, 7, 12], true, true),
      outputCase("rectified, no bias", [1, 4, 6, 8], false, true),
      outputCase("lines of two views", [2, 9, 5, 8], true, false, [2, 3]),
      outputCase("no views", [0, 4, 4, 8], false, false),
    ],
    reference: (inputs, shapes, attributes) => ({
      y: outputOf(inputs, expectMap("y", shapes.y), attributes, "value"),
    }),
    magnitudes: (inputs, shapes, { lines }) => ({
      y: outputOf(inputs, expectMap("y", shapes.y), { lines, relu: false }, "magnitude"),
    }),
  });
