// From the predictions of many moments to one table. Without other parts it is the protocol of
// SurroundDepth and S3Depth without mirrored images: a prediction is resized bilinearly to the size
// of its truth and clamped; metrics are per image, then a mean per camera, then over cameras. The
// formulas are in metrics.ts; an image without valid truth is skipped and counted, so that no number
// is NaN.
import type { ImageSize } from "../data/camera.ts";
import type { DepthProtocol } from "../data/data_source.ts";
import { checkTruth, type GroundTruth } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import { checkNames, checkOptions } from "../tensor/options.ts";
import { affineAligned, type AffineForm, type MapQuantity } from "./affine.ts";
import { averaged, type MetricRow, type MetricTable } from "./averages.ts";
import { checkDepths } from "./checked_depth.ts";
import { checkRange, depthMetrics, medianScale } from "./metrics.ts";
import { clamped, joined, pairsOf, type Pairs } from "./pairs.ts";
import { OWN_PARTS, rangeOf, type EvaluationParts } from "./parts.ts";
import { viewOf } from "./sample_depth.ts";

/** The output of `ringdepth eval --json`. A camera without any valid truth is left out. */
export interface EvaluationResult extends MetricTable {
  readonly protocol: string;
  /** Depths that count lie strictly between the two. */
  readonly min_m: number;
  readonly cap_m: number;
  /** All cameras in ring order; the records below lose that order if a name is a number. */
  readonly ring: readonly string[];
  /** Images that count, by camera. */
  readonly images: { readonly [name: string]: number };
  /** Images left out because they have no valid true depth, by camera. */
  readonly skipped_images: { readonly [name: string]: number };
  /** Every image multiplied by its own median(truth) / median(prediction). */
  readonly median_scaled?: MetricTable;
  /** All cameras of a moment multiplied by one ratio, from all their valid pixels pooled. */
  readonly shared_median_scaled?: MetricTable;
  /** Every image with its own scale and shift, if such an alignment was asked for. */
  readonly affine_aligned?: MetricTable;
  /** Moments left out because they do not fill the last batch, if the protocol leaves them out. */
  readonly dropped_moments?: number;
}

/** Collects the metrics of moments; constant memory in the size of their images. */
export interface Evaluator {
  /**
   * Counts one moment: depth `[V, H, W]` in metres of the evaluator's cameras at `size`, and the
   * truth of each; `usable` is `[V, H', W']`, 1 where a pixel shows the world, for parts with a mask.
   * Throws InputError for arrays that do not fit and an invalid true depth, WrongDepthError for a
   * predicted depth that is not a distance; both name camera and pixel.
   */
  add(
    depth_m: Float32Array | Float64Array,
    size: ImageSize,
    truths: readonly GroundTruth[],
    usable?: { readonly size: ImageSize; readonly usable: Uint8Array },
  ): void;
  /** The table so far. Throws InputError if no image had a valid true depth. */
  result(): EvaluationResult;
}

/** Choices of an evaluation beyond its protocol. */
export interface EvaluationOptions {
  /** Also compute median-scaled metrics, which ignore a wrong scale (default false). */
  readonly medianScaling?: boolean;
  /** The parts of the protocol (default `OWN_PARTS`). */
  readonly parts?: EvaluationParts;
  /** Also align each image by a scale and a shift. */
  readonly affine?: AffineForm;
  /**
   * The quantity of the predictions (default metres). For any other every table holds aligned depths
   * only, and `affine` says how they are aligned (default least_squares).
   */
  readonly quantity?: MapQuantity;
}

const OPTIONS = {
  medianScaling: "flag",
  parts: "any",
  affine: "text",
  quantity: "text",
} as const satisfies Record<keyof EvaluationOptions, unknown>;

/**
 * An evaluator of the named cameras, given in ring order. Throws InputError for a repeated name, an
 * empty depth range and parts that exclude each other.
 */
export function evaluator(
  cameras: readonly string[],
  protocol: DepthProtocol,
  options: EvaluationOptions = {},
): Evaluator {
  checkOptions("evaluator", options, {}, OPTIONS);
  if (options.parts !== undefined) {
    checkNames("evaluator: parts", options.parts, Object.keys(OWN_PARTS));
  }
  const repeated = cameras.find((name, view) => cameras.indexOf(name) !== view);
  if (repeated !== undefined) {
    throw new InputError(`evaluation: two cameras are named ${repeated}`);
  }
  const { parts = OWN_PARTS, quantity = "metres" } = options;
  if (parts.min_m === null) checkRange({ ...protocol, ...(parts.cap_m && { cap_m: parts.cap_m }) });
  const range = rangeOf(parts, protocol);
  const isMetric = quantity === "metres";
  const form = options.affine ?? (isMetric ? undefined : "least_squares");
  const newRows = (): MetricRow[][] => cameras.map(() => []);
  const rows = { metric: newRows(), median: newRows(), shared: newRows(), affine: newRows() };
  const images = cameras.map(() => 0);
  const skipped = cameras.map(() => 0);
  let waiting: (readonly Pairs[])[] = [];
  let batches = 0;

  /** The metrics of a view over pixels that belong together. */
  const count = (view: number, pairs: Pairs, shared: number | undefined): void => {
    const { prediction, truth_m } = pairs;
    const batch = batches;
    const row = (into: MetricRow[][], values: Float64Array, scale = 1): void => {
      into[view].push({ batch, metrics: depthMetrics(values, truth_m, range, scale)! });
    };
    const aligned = form && affineAligned(prediction, truth_m, quantity, form, range.cap_m);
    if (aligned) row(rows.affine, aligned);
    if (!isMetric) return;
    row(rows.metric, prediction);
    if (shared === undefined) return;
    row(rows.median, prediction, medianScale(prediction, truth_m, range, parts.median));
    row(rows.shared, prediction, shared);
  };

  const countBatch = (moments: readonly (readonly Pairs[])[]): void => {
    for (const pairs of moments) {
      pairs.forEach(({ truth_m }, view) => (truth_m.length > 0 ? images : skipped)[view]++);
    }
    const groups =
      parts.group === "image"
        ? moments
        : [cameras.map((_, view) => joined(moments.map((pairs) => pairs[view])))];
    for (const group of groups) {
      const all = joined(group);
      const isScaled = options.medianScaling === true && isMetric;
      const shared = isScaled
        ? medianScale(all.prediction, all.truth_m, range, parts.median)
        : undefined;
      group.forEach((pairs, view) => {
        if (pairs.truth_m.length > 0) count(view, pairs, shared);
      });
    }
    batches++;
  };

  const add: Evaluator["add"] = (depth_m, size, truths, usable) => {
    checkSizes(cameras, depth_m, size, truths);
    if (isMetric) checkDepths(depth_m, size, cameras, "evaluation");
    const pairs = truths.map((truth, view) => {
      checkTruth(truth, `evaluation, camera ${cameras[view]}: truth`);
      const plane = usable === undefined ? 0 : usable.size.height * usable.size.width;
      const mask = usable && {
        ...usable.size,
        usable: usable.usable.subarray(view * plane, (view + 1) * plane),
      };
      const found = pairsOf(viewOf(depth_m, size, view), truth, parts, range, mask);
      return isMetric && parts.clamp === "before" ? clamped(found, range) : found;
    });
    waiting.push(pairs);
    if (waiting.length < parts.batch) return;
    countBatch(waiting);
    waiting = [];
  };

  const result = (): EvaluationResult => {
    const dropped = parts.drop_last ? waiting.length : 0;
    if (!parts.drop_last && waiting.length > 0) {
      countBatch(waiting);
      waiting = [];
    }
    const table = (list: readonly (readonly MetricRow[])[]): MetricTable => {
      const found = averaged(cameras, list, parts.average);
      if (found !== null) return found;
      throw new InputError(
        `evaluation: no image has a true depth between ${range.min_m} and ${range.cap_m} m; ` +
          `give data with depth` +
          (dropped > 0 ? `, or more than ${dropped} moments for batches of ${parts.batch}` : ""),
      );
    };
    return {
      protocol: protocol.name,
      ...range,
      ring: cameras,
      ...table(isMetric ? rows.metric : rows.affine),
      images: byName(cameras, images),
      skipped_images: byName(cameras, skipped),
      ...(options.medianScaling &&
        isMetric && {
          median_scaled: table(rows.median),
          shared_median_scaled: table(rows.shared),
        }),
      ...(form && isMetric && { affine_aligned: table(rows.affine) }),
      ...(parts.drop_last && { dropped_moments: dropped }),
    };
  };

  return { add, result };
}

/** Throws InputError for predictions and truths that do not fit the cameras. */
function checkSizes(
  cameras: readonly string[],
  depth_m: Float32Array | Float64Array,
  size: ImageSize,
  truths: readonly GroundTruth[],
): void {
  const views = cameras.length;
  if (truths.length !== views) {
    throw new InputError(`evaluation: ${truths.length} true depth maps for ${views} cameras`);
  }
  if (depth_m.length !== views * size.height * size.width) {
    throw new InputError(
      `evaluation: prediction has ${depth_m.length} elements; expected ` +
        `[${views}, ${size.height}, ${size.width}]`,
    );
  }
}

function byName(cameras: readonly string[], values: readonly number[]): Record<string, number> {
  return Object.fromEntries(cameras.map((name, view) => [name, values[view]]));
}
