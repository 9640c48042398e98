// The geometry that all convolution kernels share: attributes, shape checks, `struct Params`,
// slices of pixels. Computes no convolution.
import { InputError } from "../../tensor/error.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { formatShape, size, type Shape } from "../../tensor/shape.ts";

/** How a convolution samples its image; rows before columns, in pixels. */
export interface Conv2dAttributes {
  readonly stride: readonly [h: number, w: number];
  /** Zeros around the image. */
  readonly padding: readonly [top: number, bottom: number, left: number, right: number];
  readonly dilation: readonly [h: number, w: number];
  /** Channels are cut into this many groups, which do not see each other. */
  readonly groups: number;
}

/**
 * Attributes of the gradient with respect to the input, which also needs the image's size [H, W].
 */
export interface Conv2dGradInputAttributes extends Conv2dAttributes {
  readonly input: readonly [h: number, w: number];
}

/**
 * Attributes of the gradient with respect to the weight, which also needs the kernel's size [KH,
 * KW].
 */
export interface Conv2dGradWeightAttributes extends Conv2dAttributes {
  readonly kernel: readonly [h: number, w: number];
}

/**
 * A sum over channels cut into this many slices, which a new first axis holds one after the other
 * if there is more than one.
 */
export interface Sliced {
  readonly slices: number;
}

/** A convolution whose output may be rectified: max(y, 0), for a sum in one slice. */
export interface Rectified extends Sliced {
  readonly relu?: boolean;
}

/** Fields of `struct Params` that describe a convolution from image x to feature map y. */
export interface Conv2dParams {
  readonly views: number;
  readonly in_h: number;
  readonly in_w: number;
  readonly in_c: number;
  readonly out_h: number;
  readonly out_w: number;
  readonly out_c: number;
  readonly kernel_h: number;
  readonly kernel_w: number;
  readonly stride_h: number;
  readonly stride_w: number;
  readonly pad_top: number;
  readonly pad_left: number;
  readonly dilation_h: number;
  readonly dilation_w: number;
  readonly group_c: number;
  readonly group_o: number;
}

/**
 * Size [OH, OW] of the feature map of an image [H, W]; throws if the kernel does not fit into the
 * padded image.
 */
export function conv2dOutputSize(
  image: readonly [number, number],
  kernel: readonly [number, number],
  { stride, padding, dilation }: Conv2dAttributes,
): [number, number] {
  const along = (axis: 0 | 1): number => {
    const padded = image[axis] + padding[2 * axis] + padding[2 * axis + 1];
    const span = dilation[axis] * (kernel[axis] - 1) + 1;
    if (kernel[axis] < 1 || padded < span) {
      throw new InputError(
        `a kernel of ${formatShape(kernel)} with dilation ${formatShape(dilation)} does not fit ` +
          `into an image of ${formatShape(image)} padded by ${formatShape(padding)}`,
      );
    }
    return Math.floor((padded - span) / stride[axis]) + 1;
  };
  return [along(0), along(1)];
}

/**
 * Reads the numbers of a convolution off x [V, H, W, C] and weight [O, KH, KW, C/groups]; throws if
 * they contradict each other.
 */
export function conv2dParams(x: Shape, weight: Shape, attributes: Conv2dAttributes): Conv2dParams {
  const { stride, padding, dilation, groups } = attributes;
  for (const [name, values, least] of [
    ["stride", stride, 1],
    ["dilation", dilation, 1],
    ["padding", padding, 0],
    ["groups", [groups], 1],
  ] as const) {
    if (!values.every((value) => Number.isInteger(value) && value >= least)) {
      throw new InputError(`${name} ${formatShape(values)} must be integers of at least ${least}`);
    }
  }
  if (x.length !== 4 || weight.length !== 4) {
    throw new InputError(
      `image ${formatShape(x)} and weight ${formatShape(weight)} must be [V, H, W, C] and ` +
        `[O, KH, KW, C/groups]`,
    );
  }
  const [views, in_h, in_w, in_c] = x as [number, number, number, number];
  const [out_c, kernel_h, kernel_w, group_c] = weight as [number, number, number, number];
  if (in_c !== group_c * groups || out_c % groups !== 0) {
    throw new InputError(
      `the image has ${in_c} channels, weight ${formatShape(weight)} with ${groups} groups ` +
        `expects ${group_c * groups} and makes ${out_c}; both must be multiples of the groups`,
    );
  }
  if (in_c === 0 || out_c === 0) {
    throw new InputError(
      `the image has ${in_c} channels and weight ${formatShape(weight)} makes ${out_c}; ` +
        "a convolution needs at least one of each",
    );
  }
  const [out_h, out_w] = conv2dOutputSize([in_h, in_w], [kernel_h, kernel_w], attributes);
  return {
    views,
    in_h,
    in_w,
    in_c,
    out_h,
    out_w,
    out_c,
    kernel_h,
    kernel_w,
    stride_h: stride[0],
    stride_w: stride[1],
    pad_top: padding[0],
    pad_left: padding[2],
    dilation_h: dilation[0],
    dilation_w: dilation[1],
    group_c,
    group_o: out_c / groups,
  };
}

/** Throws unless a bias is absent ([0]) or has one number per channel. */
export function expectBias(bias: Shape, channels: number): void {
  if (size(bias) !== 0) expectShape({ bias }, [channels]);
}

/** Multiplications of a convolution or of its gradients: one per weight, pixel of y and view. */
export function conv2dProducts(p: Conv2dParams): number {
  return p.views * p.out_h * p.out_w * p.out_c * p.kernel_h * p.kernel_w * p.group_c;
}

/** Whether every output channel sees only one input channel. */
export function isDepthwise(p: Conv2dParams): boolean {
  return p.group_c === 1 && p.in_c > 1;
}

/** Whether three taps of a row lie on neighbouring columns, and those of the next pixel one further. */
export function isThreeWide({ kernel_w, stride_w, dilation_w }: Conv2dParams): boolean {
  return kernel_w === 3 && stride_w === 1 && dilation_w === 1;
}

/**
 * Whether the channels of each group, and `slice` of them in a slice of the sum, are multiples of
 * four.
 */
export function inFours({ group_c, group_o }: Conv2dParams, slice: number): boolean {
  return [group_c, group_o, slice].every((count) => count % 4 === 0);
}

/** The shape of an output whose sum is cut into slices. */
export function slicedShape(shape: Shape, slices: number): Shape {
  return slices === 1 ? shape : [slices, ...shape];
}

/** The number of slices of conv2d's sum over its input channels; see slicesOf. */
export function conv2dSlices(p: Conv2dParams): number {
  const pixels = p.views * p.out_h * p.out_w;
  const tiles = tilesOf(pixels, p.group_o) * (p.out_c / p.group_o);
  return slicesOf(tiles, p.kernel_h * p.kernel_w, p.group_c);
}

/** The number of slices of conv2d_grad_input's sum over the output channels; see slicesOf. */
export function conv2dGradInputSlices(p: Conv2dParams): number {
  const phases = p.stride_h * p.stride_w;
  const pixels = p.views * Math.ceil(p.in_h / p.stride_h) * Math.ceil(p.in_w / p.stride_w);
  const taps = Math.ceil(p.kernel_h / p.stride_h) * Math.ceil(p.kernel_w / p.stride_w);
  const tiles = phases * tilesOf(pixels, p.group_c) * (p.in_c / p.group_c);
  return slicesOf(tiles, taps, p.group_o);
}

const tilesOf = (pixels: number, channels: number): number =>
  Math.ceil(pixels / 64) * Math.ceil(channels / 64);

/**
 * Slices of a sum over `channels` and `taps`, from the shape alone so that every adapter adds in
 * the same order. Where there are few tiles of 64 x 64 outputs, the sum is cut into enough slices
 * for two workgroups on each of 132 cores (an H200's), but at most 16, none under 512 terms, and
 * each a multiple of 16 channels, which is what a workgroup takes at a time.
 */
function slicesOf(tiles: number, taps: number, channels: number): number {
  const fill = Math.ceil(264 / Math.max(tiles, 1));
  const slices = Math.max(1, Math.min(16, fill, Math.floor((taps * channels) / 512)));
  const slice = 16 * Math.ceil(channels / (16 * slices));
  return Math.max(1, Math.ceil(channels / slice));
}

/**
 * Rows of y (view and image row counted as one axis) in one slice of a sum over pixels. Fixed by
 * the shape, not by the adapter, so that every adapter adds in the same order: slices of about 256
 * pixels or more, enough of them for about 512 workgroups of 64 x 64 sums, and none of over 4096
 * pixels (the error of a running sum in f32). From three rows on they are the nearest multiple of
 * four, so that bands of two and four rows fill.
 */
export function rowsPerSlab(rows: number, row_pixels: number, sums: number): number {
  const pixels = rows * row_pixels;
  const tiles = Math.ceil(sums / 4096);
  const fill = Math.min(Math.ceil(512 / Math.max(tiles, 1)), Math.ceil(pixels / 256));
  const slabs = Math.max(1, fill, Math.ceil(pixels / 4096));
  const least = Math.max(1, Math.ceil(rows / slabs));
  const whole = 4 * Math.round(least / 4);
  return least >= 3 && whole * row_pixels <= 4096 ? whole : least;
}

/**
 * A tile of a convolution on a GPU: constants of the shaders; those left out keep their defaults.
 */
type Tile = Partial<Record<"SIDE" | "TM" | "TN" | "BK", number>>;

/**
 * The tile of 64 pixels that suits a convolution with `channels` per group when nothing was
 * measured: 64 channels, or the smaller number that leaves at most a quarter of the columns idle. A
 * tile of 64 does 8, 4 and 2 times the arithmetic on 8, 16 and 32 channels, and loads 4, 2 and 1
 * numbers from workgroup memory per useful product; the narrow ones load 1.1, 0.6 and 0.4. No tile
 * changes the order of a sum.
 */
export function conv2dTile(channels: number): Tile {
  const width = widestOf([64, 32, 16, 8], channels);
  return width === 64 ? {} : { SIDE: 8, TM: 8, TN: width / 8, BK: 8 };
}

/**
 * As `conv2dTile`, for the gradient with respect to the input: a tap's sum over `terms` is padded
 * to BK.
 */
export function conv2dGradInputTile(channels: number, terms: number): Tile {
  return { ...(widestOf([16, 8], terms) === 8 ? { BK: 8 } : {}), ...conv2dTile(channels) };
}

/**
 * As `conv2dTile`, for the gradient with respect to the weight: `channels` per group x `terms` of
 * each.
 */
export function conv2dGradWeightTile(channels: number, terms: number): Tile {
  const rows = widestOf([64, 32, 16, 8], channels);
  const columns = widestOf([64, 32, 16, 8], terms);
  if (rows === 64 && columns === 64) return {};
  return { SIDE: 8, TM: Math.min(rows, 32) / 8, TN: columns / 8, BK: 8 };
}

/** The widest width that is at most a quarter idle when `count` is cut into it; else the last. */
function widestOf(widths: readonly number[], count: number): number {
  const fits = (width: number): boolean => count >= 0.75 * width * Math.ceil(count / width);
  return widths.find(fits) ?? widths.at(-1)!;
}
