// The parts in which published evaluations differ, and the four that papers on surround depth use.
// Numbers of two papers compare only if all parts are equal.
import type { DepthProtocol } from "../data/data_source.ts";
import { InputError } from "../tensor/error.ts";
import type { DepthRange, MedianKind } from "./metrics.ts";

/** The part of an image that counts: shares of its height and width, from 0 to 1. */
export interface Crop {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** The parts of an evaluation protocol. */
export interface EvaluationParts {
  /** Where depths are compared: at the size of the truth, or at that of the prediction. */
  readonly resolution: "truth" | "prediction";
  /**
   * How a prediction is resized to the truth, bilinearly: half_pixel keeps the border of the image
   * fixed, corners the centres of the corner pixels (align_corners).
   */
  readonly resize: "half_pixel" | "corners";
  /** Depths that count lie above it; null: as the data says. */
  readonly min_m: number | null;
  /** Depths that count lie below it; null: as the data says. */
  readonly cap_m: number | null;
  /** When predictions are clamped: after scaling only, or before the median is taken too. */
  readonly clamp: "after" | "before";
  /** The part of an image that counts; null: all of it. */
  readonly crop: Crop | null;
  /** Whether pixels on the vehicle's own body are left out. */
  readonly mask: boolean;
  /** The median of an even count: the mean of the middle two (NumPy), or the lower one (PyTorch). */
  readonly median: MedianKind;
  /** The pixels that share one median and one set of metrics: those of an image, or of a batch. */
  readonly group: "image" | "batch";
  /** Moments per batch. */
  readonly batch: number;
  /** Whether moments that do not fill the last batch are left out. */
  readonly drop_last: boolean;
  /**
   * How metrics are averaged: over images, then cameras; over all images alike; or over the cameras
   * of a batch, then batches.
   */
  readonly average: "cameras" | "images" | "batches";
  /** Whether the mirrored images are predicted too and both results fused. */
  readonly flip: boolean;
}

/** Without a preset: protocol A without mirrored images. */
export const OWN_PARTS: EvaluationParts = {
  resolution: "truth",
  resize: "half_pixel",
  min_m: null,
  cap_m: null,
  clamp: "after",
  crop: null,
  mask: false,
  median: "mean",
  group: "image",
  batch: 1,
  drop_last: false,
  average: "cameras",
  flip: false,
};

/** One of the published protocols. */
export interface Preset {
  readonly name: string;
  /** A to D. */
  readonly letter: string;
  readonly parts: EvaluationParts;
}

const VFDEPTH: EvaluationParts = {
  ...OWN_PARTS,
  resolution: "prediction",
  min_m: 0,
  clamp: "before",
  mask: true,
  median: "lower",
  group: "batch",
  batch: 4,
  drop_last: true,
  average: "batches",
};

/**
 * The published protocols. A, SurroundDepth (Wei et al. 2022) and FSM (Guizilini et al. 2022). B,
 * packnet-sfm (Guizilini et al. 2020). C, VFDepth (Kim et al. 2022); CVCDepth (Ding et al. 2024) and
 * CylinderDepth use it without the mask. D, S3Depth.
 */
export const PRESETS: readonly Preset[] = [
  {
    name: "surrounddepth",
    letter: "A",
    parts: { ...OWN_PARTS, min_m: 0.1, flip: true },
  },
  {
    name: "packnet",
    letter: "B",
    parts: { ...OWN_PARTS, resize: "corners", min_m: 0, median: "lower", average: "images" },
  },
  { name: "vfdepth", letter: "C", parts: VFDEPTH },
  { name: "cvcdepth", letter: "C without mask", parts: { ...VFDEPTH, mask: false } },
  { name: "s3depth", letter: "D", parts: { ...OWN_PARTS, min_m: 0.1 } },
];

/** The preset of a name or letter; throws InputError listing them. */
export function presetNamed(text: string): Preset {
  const found = PRESETS.find(
    ({ name, letter }) => name === text.toLowerCase() || letter === text.toUpperCase(),
  );
  if (found !== undefined) return found;
  const known = PRESETS.map(({ name, letter }) => `${letter} (${name})`).join(", ");
  throw new InputError(`protocol ${JSON.stringify(text)}: expected one of ${known}`);
}

/**
 * The crops of the literature on KITTI, and none. Sources: Garg et al., ECCV 2016; Eigen et al.,
 * NIPS 2014.
 */
export const CROPS: Readonly<Record<string, Crop | null>> = {
  none: null,
  garg: { top: 0.40810811, bottom: 0.99189189, left: 0.03594771, right: 0.96405229 },
  eigen: { top: 0.3324324, bottom: 0.91351351, left: 0.0359477, right: 0.96405229 },
};

/**
 * The depths that count with these parts on data of this protocol. Throws InputError if none can
 * count, for a batch of no moments and for a crop that is empty or outside the image.
 */
export function rangeOf(parts: EvaluationParts, protocol: DepthProtocol): DepthRange {
  const min_m = parts.min_m ?? protocol.min_m;
  const cap_m = parts.cap_m ?? protocol.cap_m;
  if (!(min_m >= 0 && min_m < cap_m && cap_m < Infinity)) {
    throw new InputError(
      `depths that count: min_m is ${min_m}, cap_m is ${cap_m}; expected 0 <= min_m < cap_m`,
    );
  }
  if (!Number.isSafeInteger(parts.batch) || parts.batch < 1) {
    throw new InputError(`batch is ${parts.batch}; expected a whole number of moments, at least 1`);
  }
  const { top, bottom, left, right } = parts.crop ?? { top: 0, bottom: 1, left: 0, right: 1 };
  const isPart = (low: number, high: number): boolean => low >= 0 && low < high && high <= 1;
  if (!isPart(top, bottom) || !isPart(left, right)) {
    throw new InputError(
      `crop ${top},${bottom},${left},${right}: expected shares of height and width from 0 to 1: ` +
        `top below bottom, left below right`,
    );
  }
  return { min_m, cap_m };
}

/** The parts in words, one line. */
export function describeParts(parts: EvaluationParts): string {
  const { resolution, resize, clamp, crop, mask, median, group, batch, average, flip } = parts;
  return [
    resolution === "truth"
      ? `prediction resized to the truth (${resize === "corners" ? "corners aligned" : "half-pixel"})`
      : "truth reduced to the prediction",
    ...(clamp === "before" ? ["clamped before and after scaling"] : []),
    ...(crop === null ? [] : [`crop ${crop.top},${crop.bottom},${crop.left},${crop.right}`]),
    mask ? "own body left out" : "no mask",
    median === "lower" ? "lower median" : "median",
    group === "batch" ? `per batch of ${batch}` : "per image",
    AVERAGES[average],
    ...(parts.drop_last ? ["last incomplete batch left out"] : []),
    flip ? "fused with mirrored images" : "no mirrored images",
  ].join(", ");
}

const AVERAGES = {
  cameras: "mean per camera, then over cameras",
  images: "mean over all images",
  batches: "mean over cameras per batch, then over batches",
} as const;
