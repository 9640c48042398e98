// Depth from features (level 2, fused): the 1x1 convolution that makes the logits is inside the
// decode, so that neither logits nor probabilities are stored, and the gradients with respect to
// all inputs. Centres are per image or per rig.
import { withGradient } from "../../engine/problem.ts";
import { like, type NumberArray } from "../../tensor/array.ts";
import { formatShape, sameShape, size, type Shape } from "../../tensor/shape.ts";
import { binGeometry, CENTERS, SCALES } from "./bin_expectation.ts";
import { FACTORS } from "./bin_distill.ts";
import { checkPixels } from "./binomial_decode.ts";
import { foldGrid, kernel, type Grid, type Kernel, type Params } from "../../engine/kernel.ts";
import { fills, mapping, onSoftware } from "../../engine/mapping.ts";
import { inSubgroups, subgroupWidth } from "../../engine/subgroups.ts";
import { shaders } from "../shaders.gen.ts";

// pixels whose gradients are added in one run before the ordered sum
const { SLAB } = shaders.bin_head_grad_weight.constants;

/** Sizes of a problem. */
interface HeadGeometry {
  readonly rows: number;
  readonly channels: number;
  readonly bins: number;
  readonly plane: number;
  readonly pixels_per_center: number;
}

interface HeadShapes {
  readonly features: Shape;
  readonly weight: Shape;
  readonly bias: Shape;
  readonly centers: Shape;
}

/** Throws with the shapes if they do not fit together. */
function headGeometry({ features, weight, bias, centers }: HeadShapes, scale: Shape): HeadGeometry {
  const channels = features.at(-1) ?? 0;
  const [bins = 0] = weight;
  if (features.length !== 4 || channels < 1) {
    throw new Error(`features${formatShape(features)} must be [V, H, W, C], C of 1 or more`);
  }
  if (bins < 1 || !sameShape(weight, [bins, 1, 1, channels])) {
    throw new Error(`weight${formatShape(weight)} must be [K, 1, 1, ${channels}], K of 1 or more`);
  }
  if (bias.length !== 1 || (bias[0] !== 0 && bias[0] !== bins)) {
    throw new Error(`bias${formatShape(bias)} must be [${bins}]`);
  }
  const [views] = features;
  if (!sameShape(centers, [views, 1, 1, bins]) && !sameShape(centers, [1, 1, 1, bins])) {
    const allowed = [views, 1].map((rows) => formatShape([rows, 1, 1, bins])).join(" or ");
    throw new Error(`centers${formatShape(centers)} must be ${allowed}`);
  }
  const at = binGeometry([...features.slice(0, -1), bins], centers, scale);
  return { ...at, pixels_per_center: at.rows / centers[0] || 0, channels };
}

const slabsOf = (pixels_per_center: number): number =>
  Math.max(1, Math.ceil(pixels_per_center / SLAB));

/** Writes z_k = x . w_k + b_k of a pixel to `z`. */
function logitsInto(
  z: Float64Array,
  features: NumberArray,
  weight: NumberArray,
  bias: NumberArray,
  row: number,
  channels: number,
): void {
  const x = row * channels;
  for (let k = 0; k < z.length; k++) {
    let sum = bias[k] ?? 0;
    for (let c = 0; c < channels; c++) sum += features[x + c] * weight[k * channels + c];
    z[k] = sum;
  }
}

const CASES: readonly (readonly [string, Shape, number, boolean, Shape, Shape])[] = [
  ["centres of the image", [2, 9, 15, 20], 40, true, [2, 1, 1, 40], [2]],
  ["centres of the rig, no bias", [3, 5, 7, 32], 64, false, [1, 1, 1, 64], [0]],
  ["one channel, one bin", [1, 3, 1, 1], 1, true, [1, 1, 1, 1], [1]],
  ["a bin and a channel more than a tile", [1, 13, 5, 33], 17, true, [1, 1, 1, 17], [1]],
  ["no pixel", [1, 0, 3, 4], 8, true, [1, 1, 1, 8], [1]],
  ["a slab and one, a prime of bins", [1, 257, 1, 7], 127, true, [1, 1, 1, 127], [0]],
  ["many images", [23, 2, 1, 20], 12, true, [23, 1, 1, 12], [23]],
];
const WEIGHT = { kind: "normal", deviation: 0.3 } as const;

/**
 * depth = scale sum_k softmax(z)_k c_k, z = features weight^T + bias. features [V, H, W, C], weight
 * [K, 1, 1, C], bias [K] or [0], centers [V, 1, 1, K] | [1, 1, 1, K], scale [V] or [0] -> depth
 * [V, H, W, 1], statistics [V, H, W, 4] = (maximum, 1 / sum, 0, 0).
 */
export const binHead: Kernel<typeof shaders.bin_head> = kernel({
  shader: shaders.bin_head,
  axes: {
    features: "V, H, W, C",
    weight: "K, 1, 1, C",
    bias: "K",
    centers: ["V, 1, 1, K", "1, 1, 1, K"],
    scale: "V",
  },
  shapes: ({ scale, ...given }) => {
    headGeometry(given, scale);
    const pixels = given.features.slice(0, -1);
    return { depth: [...pixels, 1], statistics: [...pixels, 4] };
  },
  params: ({ scale, ...given }) => ({ ...headGeometry(given, scale) }),
  overrides: ({ bias, scale }) => ({ HAS_BIAS: bias[0] !== 0, HAS_SCALE: scale[0] !== 0 }),
  grid: ({ rows }, { WG, TP }) => foldGrid(Math.ceil(rows / (WG * TP))),
  variants: () => [binHeadSubgroup],
  // per bin: a multiply-add per channel, 16 for the decode; features, weight and centres once
  cost: ({ features, weight, centers }) => ({
    flops: (2 * size(features) + (16 * size(features)) / features[3]) * weight[0],
    bytes: 4 * (size(features) + size(weight) + size(centers) + (5 * size(features)) / features[3]),
  }),
  cases: withGradient(
    CASES.map(([name, features, bins, biased, centers, scale]) => ({
      name,
      shapes: {
        features,
        weight: [bins, 1, 1, features[3]],
        bias: biased ? [bins] : [0],
        centers,
        scale,
      },
      attributes: undefined,
      data: { weight: WEIGHT, centers: CENTERS, scale: SCALES },
    })),
    ({ shapes: { bias } }) => [
      { wrt: ["features", "weight", "centers", ...(bias[0] === 0 ? [] : (["bias"] as const))] },
      { wrt: ["centers"], linear: true },
    ],
  ),
  reference: ({ features, weight, bias, centers, scale }, shapes) => {
    const at = headGeometry(shapes, shapes.scale);
    const [depth, statistics] = [like(features, at.rows), like(features, 4 * at.rows)];
    const z = new Float64Array(at.bins);
    for (let row = 0; row < at.rows; row++) {
      logitsInto(z, features, weight, bias, row, at.channels);
      const max = z.reduce((a, b) => Math.max(a, b), -Infinity);
      const centerStart = Math.floor(row / at.pixels_per_center) * at.bins;
      let [sum, weighted] = [0, 0];
      for (let k = 0; k < at.bins; k++) {
        const e = Math.exp(z[k] - max);
        sum += e;
        weighted += e * centers[centerStart + k];
      }
      depth[row] = ((scale[Math.floor(row / at.plane)] ?? 1) * weighted) / sum;
      statistics.set([max, 1 / sum], 4 * row);
    }
    return { depth, statistics };
  },
});

const gradientCases = CASES.map(([name, features, bins, biased, centers]) => ({
  name,
  shapes: {
    features,
    weight: [bins, 1, 1, features[3]],
    bias: biased ? [bins] : [0],
    centers,
    factors: [...features.slice(0, -1), FACTORS],
  },
  attributes: undefined,
  data: {
    weight: WEIGHT,
    centers: CENTERS,
    factors: { kind: "uniform", low: 0.2, high: 1 } as const,
  },
}));

type GradientInput = "features" | "weight" | "bias" | "centers" | "factors";

/**
 * d_z and d_center of a pixel's bins, from its factors; with `magnitudes`, the magnitudes of the
 * rounded intermediates: the terms of the logit, then the two of d_z.
 */
function pixelGradients(
  { features, weight, bias, centers, factors }: Readonly<Record<GradientInput, NumberArray>>,
  at: HeadGeometry,
  magnitudes: boolean,
): (row: number) => { readonly z: Float64Array; readonly center: Float64Array } {
  const z = new Float64Array(at.bins);
  const terms = new Float64Array(at.bins);
  const d = { z: new Float64Array(at.bins), center: new Float64Array(at.bins) };
  const sizes = magnitudes ? features.map(Math.abs) : features;
  const scales = magnitudes ? weight.map(Math.abs) : weight;
  const offsets = magnitudes ? bias.map(Math.abs) : bias;
  return (row) => {
    logitsInto(z, features, weight, bias, row, at.channels);
    if (magnitudes) logitsInto(terms, sizes, scales, offsets, row, at.channels);
    const centerStart = Math.floor(row / at.pixels_per_center) * at.bins;
    const [max, scale, , , a, , , e] = factors.subarray(FACTORS * row, FACTORS * (row + 1));
    for (let k = 0; k < at.bins; k++) {
      const p = Math.exp(z[k] - max) * scale;
      const by_center = a * centers[centerStart + k];
      const rounded = Math.abs(p) * (1 + terms[k] + Math.abs(max));
      d.z[k] = magnitudes ? rounded * (Math.abs(by_center) + Math.abs(e)) : p * (by_center - e);
      d.center[k] = magnitudes ? rounded * Math.abs(a) : a * p;
    }
    return d;
  };
}

/** Gradients with respect to the features, or their magnitudes. */
function featureGradients<T extends NumberArray>(
  inputs: Readonly<Record<GradientInput, T>>,
  shapes: Readonly<Record<GradientInput, Shape>>,
  magnitudes: boolean,
): { d_features: T } {
  const at = headGeometry(shapes, [0]);
  const gradients = pixelGradients(inputs, at, magnitudes);
  const weight = magnitudes ? inputs.weight.map(Math.abs) : inputs.weight;
  const d_features = like(inputs.features, inputs.features.length);
  for (let row = 0; row < at.rows; row++) {
    const d = gradients(row);
    for (let k = 0; k < at.bins; k++) {
      for (let c = 0; c < at.channels; c++) {
        d_features[row * at.channels + c] += d.z[k] * weight[k * at.channels + c];
      }
    }
  }
  return { d_features };
}

/** Gradients with respect to weight, bias and centres in slices of pixels, or their magnitudes. */
function weightGradients<T extends NumberArray>(
  inputs: Readonly<Record<GradientInput, T>>,
  shapes: Readonly<Record<GradientInput, Shape>>,
  magnitudes: boolean,
): { d_weight: T; d_bias: T; d_centers: T } {
  const at = headGeometry(shapes, [0]);
  const slabs = slabsOf(at.pixels_per_center);
  const rows = shapes.centers[0] * slabs * at.bins;
  const features = magnitudes ? inputs.features.map(Math.abs) : inputs.features;
  const d_weight = like(inputs.features, rows * at.channels);
  const [d_bias, d_centers] = [like(inputs.features, rows), like(inputs.features, rows)];
  const gradients = pixelGradients(inputs, at, magnitudes);
  for (let row = 0; row < at.rows; row++) {
    const d = gradients(row);
    const group = Math.floor(row / at.pixels_per_center);
    const slab = group * slabs + Math.floor((row - group * at.pixels_per_center) / SLAB);
    for (let k = 0; k < at.bins; k++) {
      const to = (slab * at.bins + k) * at.channels;
      for (let c = 0; c < at.channels; c++) {
        d_weight[to + c] += d.z[k] * features[row * at.channels + c];
      }
      d_bias[slab * at.bins + k] += d.z[k];
      d_centers[slab * at.bins + k] += d.center[k];
    }
  }
  return { d_weight, d_bias, d_centers };
}

/**
 * d_features = d_z weight, with d_z = p (a c - e) from `factors` [V, H, W, 8]. -> d_features [V, H,
 * W, C].
 */
export const binHeadGradFeatures: Kernel<typeof shaders.bin_head_grad_features> = kernel({
  shader: shaders.bin_head_grad_features,
  axes: {
    features: "V, H, W, C",
    weight: "K, 1, 1, C",
    bias: "K",
    centers: ["V, 1, 1, K", "1, 1, 1, K"],
    factors: "V, H, W, 8",
  },
  shapes: ({ factors, ...given }) => {
    headGeometry(given, [0]);
    checkPixels("factors", factors, given.features, FACTORS);
    return { d_features: given.features };
  },
  params: (given) => {
    const { rows, channels, bins, pixels_per_center } = headGeometry(given, [0]);
    const channel_tiles = Math.ceil(
      channels / shaders.bin_head_grad_features.constants.CHANNELS_TILE,
    );
    return { rows, channels, bins, pixels_per_center, channel_tiles };
  },
  overrides: ({ bias }) => ({ HAS_BIAS: bias[0] !== 0 }),
  grid: ({ rows, channel_tiles }) =>
    foldGrid(Math.ceil(rows / shaders.bin_head_grad_features.constants.PIXELS) * channel_tiles),
  // per bin: two multiply-adds per channel, 13 for d_z; features, weight and d_features once
  cost: ({ features, weight, factors }) => ({
    flops: (4 * size(features) + (13 * size(features)) / features[3]) * weight[0],
    bytes: 4 * (2 * size(features) + size(weight) + size(factors)),
  }),
  variants: () => [binHeadGradFeaturesSubgroup, binHeadGradFeaturesRows],
  terms: ({ weight }) => weight[0] + weight[3],
  cases: gradientCases,
  reference: (inputs, shapes) => featureGradients(inputs, shapes, false),
  magnitudes: (inputs, shapes) => featureGradients(inputs, shapes, true),
});

/**
 * d_weight = d_z^T features, d_bias and d_centers = sums of d_z and a p, in slices of 256 pixels
 * that share a set of centres. -> d_weight [B, K, C], d_bias [B, K], d_centers [groups, slabs, K],
 * B = groups slabs.
 */
export const binHeadGradWeight: Kernel<typeof shaders.bin_head_grad_weight> = kernel({
  shader: shaders.bin_head_grad_weight,
  axes: {
    features: "V, H, W, C",
    weight: "K, 1, 1, C",
    bias: "K",
    centers: ["V, 1, 1, K", "1, 1, 1, K"],
    factors: "V, H, W, 8",
  },
  shapes: ({ factors, ...given }) => {
    const { channels, bins, pixels_per_center } = headGeometry(given, [0]);
    checkPixels("factors", factors, given.features, FACTORS);
    const [groups] = given.centers;
    const slabs = slabsOf(pixels_per_center);
    return {
      d_weight: [groups * slabs, bins, channels],
      d_bias: [groups * slabs, bins],
      d_centers: [groups, slabs, bins],
    };
  },
  params: (given) => {
    const { BINS_TILE, CHANNELS_TILE } = shaders.bin_head_grad_weight.constants;
    return weightParams(given, BINS_TILE, CHANNELS_TILE);
  },
  overrides: ({ bias }) => ({ HAS_BIAS: bias[0] !== 0 }),
  grid: slabTiles,
  // per bin: two multiply-adds per channel, 15 for d_z and the sums; features and weight once
  cost: ({ features, weight, factors }) => ({
    flops: (4 * size(features) + (15 * size(features)) / features[3]) * weight[0],
    bytes: 4 * (size(features) + size(weight) + size(factors)),
  }),
  variants: () => [binHeadGradWeightSubgroup, binHeadGradWeightRows],
  terms: (given) => Math.min(SLAB, headGeometry(given, [0]).pixels_per_center) + given.weight[3],
  cases: gradientCases,
  reference: (inputs, shapes) => weightGradients(inputs, shapes, false),
  magnitudes: (inputs, shapes) => weightGradients(inputs, shapes, true),
});

/** The same without barriers, for software adapters. */
export const binHeadGradFeaturesRows: Kernel<typeof shaders.bin_head_grad_features_rows> = mapping(
  binHeadGradFeatures,
  {
    shader: shaders.bin_head_grad_features_rows,
    grid: ({ rows, channels }, { WG }) => {
      const { TP, TC } = shaders.bin_head_grad_features_rows.constants;
      return foldGrid(Math.ceil((Math.ceil(rows / TP) * Math.ceil(channels / TC)) / WG));
    },
    suits: onSoftware,
  },
);

/** The same without barriers, for software adapters. */
export const binHeadGradWeightRows: Kernel<typeof shaders.bin_head_grad_weight_rows> = mapping(
  binHeadGradWeight,
  {
    shader: shaders.bin_head_grad_weight_rows,
    grid: ({ all_slabs, channels, bins }, { WG }) => {
      const { TK, TC } = shaders.bin_head_grad_weight_rows.constants;
      const tiles = Math.ceil(channels / TC) * Math.ceil(bins / TK);
      return foldGrid(Math.ceil((all_slabs * tiles) / WG));
    },
    suits: onSoftware,
  },
);

/** Params of the gradients with respect to the weight, by tiles of bins and channels. */
function weightParams(
  given: HeadShapes,
  binsTile: number,
  channelsTile: number,
): Params<typeof shaders.bin_head_grad_weight> {
  const { rows, channels, bins, pixels_per_center } = headGeometry(given, [0]);
  const slabs = slabsOf(pixels_per_center);
  return {
    rows,
    channels,
    bins,
    pixels_per_center,
    channel_tiles: Math.ceil(channels / channelsTile),
    bin_tiles: Math.ceil(bins / binsTile),
    slabs,
    all_slabs: given.centers[0] * slabs,
  };
}

/** A workgroup per slice and tile of bins and channels. */
function slabTiles({
  all_slabs,
  channel_tiles,
  bin_tiles,
}: Record<"all_slabs" | "channel_tiles" | "bin_tiles", number>): Grid {
  return foldGrid(all_slabs * channel_tiles * bin_tiles);
}

/** A workgroup per `tile` pixels that share a row of centres. */
function pixelTiles(
  { rows, pixels_per_center }: Pick<HeadGeometry, "rows" | "pixels_per_center">,
  tile: number,
): Grid {
  if (rows === 0) return foldGrid(0);
  return foldGrid((rows / pixels_per_center) * Math.ceil(pixels_per_center / tile));
}

/** As `binHead`, with one subgroup per workgroup: for software adapters. */
export const binHeadSubgroup: Kernel<typeof shaders.bin_head_subgroup> = mapping(binHead, {
  shader: shaders.bin_head_subgroup,
  grid: (params, { LANES }) => pixelTiles(params, 4 * LANES),
  runs: inSubgroups,
  suits: onSoftware,
});

/** As `binHeadGradFeatures`, with one subgroup per workgroup; the logits are computed once. */
export const binHeadGradFeaturesSubgroup: Kernel<typeof shaders.bin_head_grad_features_subgroup> =
  mapping(binHeadGradFeatures, {
    shader: shaders.bin_head_grad_features_subgroup,
    grid: (params, { LANES }) => pixelTiles(params, 4 * LANES),
    runs: inSubgroups,
    suits: onSoftware,
  });

/**
 * As `binHeadGradWeight`, with one subgroup per workgroup: for software adapters and channels that fill
 * half of their tiles. Of 16 channels in tiles of 64 it took 1.25 times as long as `_rows`.
 */
export const binHeadGradWeightSubgroup: Kernel<typeof shaders.bin_head_grad_weight_subgroup> =
  mapping(binHeadGradWeight, {
    shader: shaders.bin_head_grad_weight_subgroup,
    grid: ({ all_slabs, channels, bins }, { LANES }) => {
      const { BINS } = shaders.bin_head_grad_weight_subgroup.constants;
      return foldGrid(all_slabs * Math.ceil(channels / (4 * LANES)) * Math.ceil(bins / BINS));
    },
    runs: inSubgroups,
    suits: (facts, { features }) =>
      facts.software && fills(features[3], 4 * subgroupWidth(facts).lanes, 1 / 2),
  });
