// Gradients of 3x3 convolutions of stride 1 with respect to the weight as Winograd's, F(3x3, 4x4):
// where they run, and the calls that make one.
import { fills } from "../engine/mapping.ts";
import { subgroupWidth } from "../engine/subgroups.ts";
import { winogradImage } from "../kernels/convolution/winograd.ts";
import { winogradGradWeight } from "../kernels/convolution/winograd_grad_weight.ts";
import { POINTS, TILE, tilesOf } from "../kernels/convolution/winograd_points.ts";
import { winogradSlopes } from "../kernels/convolution/winograd_slopes.ts";
import type { Conv2dAttributes, Conv2dParams } from "../kernels/convolution/conv2d_geometry.ts";
import { gemm } from "../kernels/gemm.ts";
import type { Lowering, Tensor } from "./value.ts";
import { passesOver, runsAsWinograd } from "./winograd.ts";

/**
 * Channels on either side below which the transforms cost more than they save: more in subgroups of
 * 8, where direct sums have their fastest mapping.
 */
const LEAST_CHANNELS = { of_8: 64, others: 48 } as const;
/** Pixels times the lesser number of channels below which the dispatches cost more than is saved. */
const LEAST_NUMBERS = 2 ** 15;
/** The least share of the pixels of all tiles that is inside the feature map. */
const LEAST_USED = 0.6;
/** Rows of a tile of the products. */
const ROWS = 32;

/**
 * Whether the gradient with respect to the weight runs as Winograd's: where a convolution may, and
 * channels, their tiles in the products and the pixels are enough.
 */
export function suitsWinogradGradient(
  at: Pick<Lowering<unknown>, "facts" | "winograd">,
  p: Conv2dParams,
  attributes: Conv2dAttributes,
): boolean {
  const [tiles_h, tiles_w] = tilesOf([p.out_h, p.out_w]);
  const pixels = p.views * p.out_h * p.out_w;
  const least = Math.min(p.in_c, p.out_c);
  const { lanes } = subgroupWidth(at.facts);
  return (
    runsAsWinograd(at, p, attributes) &&
    least >= (lanes === 8 ? LEAST_CHANNELS.of_8 : LEAST_CHANNELS.others) &&
    fills(p.in_c, 4 * lanes) &&
    fills(p.out_c, ROWS) &&
    pixels * least >= LEAST_NUMBERS &&
    pixels >= LEAST_USED * p.views * tiles_h * tiles_w * TILE * TILE
  );
}

/** The tensors of a gradient with respect to the weight. */
interface WeightGradient {
  readonly x: Tensor;
  readonly d_y: Tensor;
  readonly d_weight: Tensor;
  readonly padding: readonly [top: number, left: number];
}

/**
 * Adds the calls of a gradient with respect to the weight, in passes over lines of tiles: image and
 * d_y at the points, their products, and the taps, which grow by each pass in order. x [V, H, W, C],
 * d_y [V, OH, OW, O] -> d_weight [O, 3, 3, C]. The gradient with respect to the input needs patches of
 * d_y of 6x6 pixels, so the two have no step in common.
 */
export function lowerWinogradGradient(
  { temporary, call }: Pick<Lowering<unknown>, "temporary" | "call">,
  { x, d_y, d_weight, padding }: WeightGradient,
): void {
  const [views, height, width, outputs] = d_y.shape;
  const channels = x.shape[3];
  const output = [height, width] as const;
  const [tiles_h, tiles_w] = tilesOf(output);
  const bias = temporary("no bias", [0]);
  for (const lines of passesOver(views * tiles_h, tiles_w * Math.max(channels, outputs))) {
    const tiles = lines[1] * tiles_w;
    const image = temporary("image", [POINTS, tiles, channels]);
    const slopes = temporary("slopes", [POINTS, tiles, outputs]);
    const products = temporary("products", [POINTS, outputs, channels]);
    call(winogradImage, { x, image }, { padding, output, lines });
    call(winogradSlopes, { d_y, slopes }, { lines });
    call(
      gemm,
      { a: slopes, b: image, bias, y: products },
      { transpose_a: true, transpose_b: false, slices: 1 },
    );
    call(winogradGradWeight, { products, d_weight }, { adds: lines[0] > 0 });
  }
}
