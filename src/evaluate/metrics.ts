// The depth metrics of one image, in f64: the seven usual ones and silog. protocol.ts decides which
// pixels are compared and how images are averaged.
import type { DepthProtocol } from "../data/data_source.ts";
import { InputError } from "../tensor/error.ts";

/** The seven metrics in the order of the literature's tables. */
export const METRIC_NAMES = ["abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3"] as const;

/** Name of one of the seven metrics. */
export type MetricName = (typeof METRIC_NAMES)[number];

/** The seven metrics and silog; `sq_rel` and `rmse` in metres, `silog` in percent. */
export type DepthMetrics = { [name in MetricName | "silog"]: number };

/** Depths that count: strictly between the two, in metres. */
export type DepthRange = Pick<DepthProtocol, "min_m" | "cap_m">;

/** The median of an even count: the mean of the middle two, or the lower of them. */
export type MedianKind = "mean" | "lower";

/** The metrics of one image and the number of pixels they are means over. */
export interface ImageMetrics extends DepthMetrics {
  readonly pixels: number;
}

/** Throws InputError for an empty range, or one whose ends are not positive numbers. */
export function checkRange({ min_m, cap_m }: DepthRange): void {
  if (min_m > 0 && min_m < cap_m && cap_m < Infinity) return;
  throw new InputError(
    `depths that count: min_m is ${min_m}, cap_m is ${cap_m}; expected 0 < min_m < cap_m`,
  );
}

/**
 * Whether a true depth counts: `min_m < g < cap_m`, both strict; 0 (none) does not. Throws
 * InputError for a depth that is not finite, because it is broken, not absent.
 */
export function isValidTruth(truth_m: number, range: DepthRange): boolean {
  if (!Number.isFinite(truth_m)) {
    throw new InputError(`metrics: a true depth is ${truth_m}; expected metres, 0 for none`);
  }
  return truth_m > range.min_m && truth_m < range.cap_m;
}

/** `depth_m` clamped to the range. */
export function clampDepth(depth_m: number, range: DepthRange): number {
  return Math.min(Math.max(depth_m, range.min_m), range.cap_m);
}

/**
 * The metrics of one image over its valid pixels, `undefined` if it has no valid pixel.
 *
 * `prediction_m` and `truth_m` are `[n]`, paired; the prediction is multiplied by `scale`, then
 * clamped to the range. With p and g the pair, e = ln p - ln g:
 *   abs_rel mean |g-p|/g, sq_rel mean (g-p)²/g, rmse √mean (g-p)², rmse_log √mean e²,
 *   a_k share of max(g/p, p/g) < 1.25^k, silog 100 √(mean e² - (mean e)²).
 * Throws where a truth, or a prediction at a valid pixel, is not finite: clamping would hide it.
 * Source: Eigen et al., NIPS 2014.
 */
export function depthMetrics(
  prediction_m: ArrayLike<number>,
  truth_m: ArrayLike<number>,
  range: DepthRange,
  scale = 1,
): ImageMetrics | undefined {
  if (prediction_m.length !== truth_m.length) {
    throw new InputError(
      `metrics: ${prediction_m.length} predicted depths for ${truth_m.length} true ones`,
    );
  }
  let pixels = 0;
  let absRel = 0;
  let sqRel = 0;
  let square = 0;
  let logSquare = 0;
  let logSum = 0;
  const within = [0, 0, 0];
  for (let i = 0; i < truth_m.length; i++) {
    const g = truth_m[i];
    if (!isValidTruth(g, range)) continue;
    const scaled = prediction_m[i] * scale;
    if (!Number.isFinite(scaled)) {
      throw new InputError(
        `metrics: predicted depth ${i} of ${truth_m.length} is ${scaled}; expected a finite number`,
      );
    }
    const p = clampDepth(scaled, range);
    const difference = g - p;
    const e = Math.log(p) - Math.log(g);
    const ratio = Math.max(g / p, p / g);
    pixels++;
    absRel += Math.abs(difference) / g;
    sqRel += (difference * difference) / g;
    square += difference * difference;
    logSquare += e * e;
    logSum += e;
    if (ratio < 1.25) within[0]++;
    if (ratio < 1.25 ** 2) within[1]++;
    if (ratio < 1.25 ** 3) within[2]++;
  }
  if (pixels === 0) return undefined;
  const logMean = logSum / pixels;
  return {
    abs_rel: absRel / pixels,
    sq_rel: sqRel / pixels,
    rmse: Math.sqrt(square / pixels),
    rmse_log: Math.sqrt(logSquare / pixels),
    a1: within[0] / pixels,
    a2: within[1] / pixels,
    a3: within[2] / pixels,
    // Rounding may leave the variance of equal errors a hair below zero.
    silog: 100 * Math.sqrt(Math.max(0, logSquare / pixels - logMean * logMean)),
    pixels,
  };
}

/** Plain mean of each metric; `undefined` for an empty list. */
export function meanMetrics(list: readonly DepthMetrics[]): DepthMetrics | undefined {
  if (list.length === 0) return undefined;
  const mean = { abs_rel: 0, sq_rel: 0, rmse: 0, rmse_log: 0, a1: 0, a2: 0, a3: 0, silog: 0 };
  for (const name of Object.keys(mean) as (keyof DepthMetrics)[]) {
    for (const metrics of list) mean[name] += metrics[name];
    mean[name] /= list.length;
  }
  return mean;
}

/**
 * The factor that scales the median of the prediction to the median of the truth, over valid
 * pixels; `undefined` if there are none. The median of an even count is the mean of the middle two,
 * as in NumPy, or with `lower` the lower of them, as in PyTorch. Throws if a depth is not finite or
 * the predicted median is not positive.
 */
export function medianScale(
  prediction_m: ArrayLike<number>,
  truth_m: ArrayLike<number>,
  range: DepthRange,
  kind: MedianKind = "mean",
): number | undefined {
  const truth: number[] = [];
  const prediction: number[] = [];
  for (let i = 0; i < truth_m.length; i++) {
    if (!isValidTruth(truth_m[i], range)) continue;
    if (!Number.isFinite(prediction_m[i])) {
      throw new InputError(`metrics: predicted depth ${i} of ${truth_m.length} is not finite`);
    }
    truth.push(truth_m[i]);
    prediction.push(prediction_m[i]);
  }
  if (truth.length === 0) return undefined;
  const predicted = median(prediction, kind);
  if (!(predicted > 0)) {
    throw new InputError(`metrics: median of the predicted depth is ${predicted}, not positive`);
  }
  return median(truth, kind) / predicted;
}

function median(values: readonly number[], kind: MedianKind): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle];
  return kind === "lower" ? sorted[middle - 1] : (sorted[middle - 1] + sorted[middle]) / 2;
}
