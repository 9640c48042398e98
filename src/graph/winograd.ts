// 3x3 convolutions of stride 1, and their gradients with respect to the input, as Winograd
// convolutions F(4x4, 3x3): where they run, and the calls that make one.
import type { AdapterFacts } from "../gpu/device.ts";
import { gemm } from "../kernels/gemm.ts";
import {
  winogradImage,
  winogradOutput,
  winogradWeight,
  type Lines,
} from "../kernels/convolution/winograd.ts";
import { POINTS, TILE, tilesOf } from "../kernels/convolution/winograd_points.ts";
import {
  inFours,
  type Conv2dAttributes,
  type Conv2dParams,
} from "../kernels/convolution/conv2d_geometry.ts";
import { subgroupWidth } from "../engine/subgroups.ts";
import type { Lowering, Tensor } from "./value.ts";

/**
 * Channels on either side below which transforms cost more than they save: more in subgroups of 8,
 * where direct sums have their fastest mapping.
 */
const LEAST_CHANNELS = { of_8: 48, others: 32 } as const;
/** Rows of a tile of the products; a part of the last one is idle. */
const ROWS = 32;
/** The least share of the products that outputs need, below which direct sums are faster. */
const LEAST_USED = 0.5;
/** Bytes of the image or of the products at the points that one pass works on: less than a cache. */
const PASS_BYTES = 4 * 2 ** 20;

/** A convolution, or its gradient with respect to the input, which is one of the turned weight. */
interface Convolution {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly y: Tensor;
  readonly padding: readonly [top: number, left: number];
  readonly turned: boolean;
  readonly relu: boolean;
}

/**
 * Whether a convolution runs as Winograd's on an adapter: on software adapters with subgroups, for
 * 3x3 weights that skip no pixel, and channels in fours of which there are enough. `output` [H, W]
 * is what the tiles cover.
 */
export function suitsWinograd(
  at: Pick<Lowering<unknown>, "facts" | "winograd">,
  p: Conv2dParams,
  attributes: Conv2dAttributes,
  output: readonly [number, number],
): boolean {
  const { padding } = attributes;
  const channels = [p.in_c, p.out_c];
  const { of_8, others } = LEAST_CHANNELS;
  const least = subgroupWidth(at.facts).lanes === 8 ? of_8 : others;
  const [tiles_h, tiles_w] = tilesOf(output);
  const rows = ROWS * Math.ceil((p.views * tiles_h * tiles_w) / ROWS);
  return (
    runsAsWinograd(at, p, attributes) &&
    // the gradient pads by 2 less the padding
    padding.every((zeros) => zeros <= 2) &&
    channels.every((count) => count >= least) &&
    rows > 0 &&
    p.views * output[0] * output[1] >= LEAST_USED * TILE * TILE * rows
  );
}

/**
 * Whether a convolution or one of its gradients may run as Winograd's, fast or not: on software
 * adapters with subgroups, for 3x3 weights that skip no pixel, and channels in fours.
 */
export function runsAsWinograd(
  { facts, winograd }: Pick<Lowering<unknown>, "facts" | "winograd">,
  p: Conv2dParams,
  { stride, dilation, groups }: Conv2dAttributes,
): boolean {
  const ones = [...stride, ...dilation, groups].every((value) => value === 1);
  const isSquare = p.kernel_h === 3 && p.kernel_w === 3;
  return winograd && runsFast(facts) && ones && isSquare && inFours(p, 4);
}

/** Widths at which the products have their fast mapping and were measured. */
function runsFast(facts: AdapterFacts): boolean {
  return facts.software && subgroupWidth(facts).lanes > 0;
}

/**
 * The lines of tiles of each pass over `all`: as few passes as keep `numbers` per line, at each point,
 * below `PASS_BYTES`.
 */
export function passesOver(all: number, numbers: number): Lines["lines"][] {
  const passes = Math.ceil((all * 4 * POINTS * numbers) / PASS_BYTES);
  const most = Math.ceil(all / Math.max(1, passes));
  const firsts = Array.from({ length: Math.ceil(all / most) }, (_, pass) => pass * most);
  return firsts.map((first) => [first, Math.min(most, all - first)]);
}

/**
 * Adds the calls of a Winograd convolution: the weight at the points, then in passes over lines of
 * tiles the image at the points, the products, and the outputs. x [V, H, W, C], weight [O, 3, 3, C]
 * -> y [V, OH, OW, O]; turned: x [V, H, W, O] -> y [V, OH, OW, C].
 */
export function lowerWinograd(
  { temporary, call }: Pick<Lowering<unknown>, "temporary" | "call">,
  { x, weight, bias, y, padding, turned, relu }: Convolution,
): void {
  const [views, height, width, channels] = y.shape as readonly [number, number, number, number];
  const terms = x.shape[3];
  const output = [height, width] as const;
  const [tiles_h, tiles_w] = tilesOf(output);
  const none = temporary("no bias", [0]);
  const taps = temporary("taps", [POINTS, weight.shape[0], weight.shape[3]]);
  call(winogradWeight, { weight, taps }, { turned });
  for (const lines of passesOver(views * tiles_h, tiles_w * Math.max(terms, channels))) {
    const image = temporary("image", [POINTS, lines[1] * tiles_w, terms]);
    const products = temporary("products", [POINTS, lines[1] * tiles_w, channels]);
    call(winogradImage, { x, image }, { padding, output, lines });
    call(
      gemm,
      { a: image, b: taps, bias: none, y: products },
      { transpose_a: false, transpose_b: !turned, slices: 1 },
    );
    call(winogradOutput, { products, bias, y }, { relu, lines });
  }
}
