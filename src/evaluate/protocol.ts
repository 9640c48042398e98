// From the predictions of many moments to one table: the metric protocol of SurroundDepth and
// S3Depth, without the pass on flipped images. A prediction is resized bilinearly to the size of
// its truth and clamped; metrics are per image, then a mean per camera, then over cameras. The
// formulas are in metrics.ts; an image without valid truth is skipped and counted, so that no
// number is NaN.
import type { ImageSize } from "../data/camera.ts";
import type { DepthProtocol } from "../data/data_source.ts";
import { checkTruth, type GroundTruth } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import { checkDepths } from "./checked_depth.ts";
import {
  checkRange,
  depthMetrics,
  meanMetrics,
  medianScale,
  type DepthMetrics,
} from "./metrics.ts";
import { predictionAt, viewOf } from "./sample_depth.ts";

/** Metrics by camera, in ring order, and their mean over those cameras. */
export interface MetricTable {
  readonly cameras: { readonly [name: string]: DepthMetrics };
  readonly all: DepthMetrics;
}

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
}

/** Collects the metrics of moments; constant memory in the size of their images. */
export interface Evaluator {
  /**
   * Counts one moment: depth `[V, H, W]` in metres of the evaluator's cameras at `size`, and the
   * truth of each. Throws InputError for arrays that do not fit and an invalid true depth,
   * WrongDepthError for a predicted depth that is not a distance; both name camera and pixel.
   */
  add(depth_m: Float32Array | Float64Array, size: ImageSize, truths: readonly GroundTruth[]): void;
  /** The table so far. Throws InputError if no image had a valid true depth. */
  result(): EvaluationResult;
}

/** Choices of an evaluation beyond its protocol. */
export interface EvaluationOptions {
  /** Also compute median-scaled metrics, which ignore a wrong scale (default false). */
  readonly medianScaling?: boolean;
}

/**
 * An evaluator of the named cameras, given in ring order. Throws InputError for a repeated name and
 * an empty depth range.
 */
export function evaluator(
  cameras: readonly string[],
  protocol: DepthProtocol,
  options: EvaluationOptions = {},
): Evaluator {
  const repeated = cameras.find((name, view) => cameras.indexOf(name) !== view);
  if (repeated !== undefined) {
    throw new InputError(`evaluation: two cameras are named ${repeated}`);
  }
  checkRange(protocol);
  const newRows = (): DepthMetrics[][] => cameras.map(() => []);
  const rows = { metric: newRows(), median: newRows(), shared: newRows() };
  const skipped = cameras.map(() => 0);

  const add: Evaluator["add"] = (depth_m, size, truths) => {
    const predictions = pairedDepths(cameras, depth_m, size, truths);
    const shared = options.medianScaling
      ? medianScale(concatenate(predictions), concatenate(truths.map((t) => t.depth_m)), protocol)
      : undefined;
    truths.forEach((truth, view) => {
      const prediction = predictions[view];
      const metrics = depthMetrics(prediction, truth.depth_m, protocol);
      if (!metrics) {
        skipped[view]++;
        return;
      }
      rows.metric[view].push(metrics);
      if (shared === undefined) return;
      const own = medianScale(prediction, truth.depth_m, protocol)!;
      rows.median[view].push(depthMetrics(prediction, truth.depth_m, protocol, own)!);
      rows.shared[view].push(depthMetrics(prediction, truth.depth_m, protocol, shared)!);
    });
  };

  const result = (): EvaluationResult => ({
    protocol: protocol.name,
    min_m: protocol.min_m,
    cap_m: protocol.cap_m,
    ring: cameras,
    ...metricTable(cameras, rows.metric, protocol),
    images: byName(
      cameras,
      rows.metric.map((list) => list.length),
    ),
    skipped_images: byName(cameras, skipped),
    ...(options.medianScaling && {
      median_scaled: metricTable(cameras, rows.median, protocol),
      shared_median_scaled: metricTable(cameras, rows.shared, protocol),
    }),
  });

  return { add, result };
}

function metricTable(
  cameras: readonly string[],
  rows: readonly DepthMetrics[][],
  protocol: DepthProtocol,
): MetricTable {
  const means = rows.map(meanMetrics);
  const present = means.filter((mean) => mean !== undefined);
  const all = meanMetrics(present);
  if (!all) {
    throw new InputError(
      `evaluation: no image has a true depth between ${protocol.min_m} and ${protocol.cap_m} m; ` +
        `give data with depth`,
    );
  }
  const entries = cameras.flatMap((name, view) => (means[view] ? [[name, means[view]]] : []));
  return { cameras: Object.fromEntries(entries) as MetricTable["cameras"], all };
}

/** The predictions at the pixels of the truths, one array for each camera. */
function pairedDepths(
  cameras: readonly string[],
  depth_m: Float32Array | Float64Array,
  size: ImageSize,
  truths: readonly GroundTruth[],
): Float64Array[] {
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
  checkDepths(depth_m, size, cameras, "evaluation");
  return truths.map((truth, view) => {
    checkTruth(truth, `evaluation, camera ${cameras[view]}: truth`);
    return predictionAt(viewOf(depth_m, size, view), truth);
  });
}

function byName(cameras: readonly string[], values: readonly number[]): Record<string, number> {
  return Object.fromEntries(cameras.map((name, view) => [name, values[view]]));
}

function concatenate(parts: readonly (Float32Array | Float64Array)[]): Float64Array {
  const whole = new Float64Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
