// Scale and shift of one view's relative map, fitted to its LiDAR. The fit is robust against points on
// another surface than their pixel.
import { randomStream } from "../tensor/random.ts";

/** target = scale * map + shift. */
export interface ViewFit {
  readonly scale: number;
  readonly shift: number;
}

/** Below this many points a view has no fit. */
export const LEAST_POINTS = 12;
// Pairs that a first guess is chosen from, and the error beyond which a point no longer counts there.
const PAIRS = 128;
const GUESS_ERROR = 0.2;
const ROUNDS = 12;
// Tukey's constant in standard deviations, and the smallest deviation that the fit assumes.
const TUKEY = 4.685;
const LEAST_DEVIATION = 0.01;
// A fit must explain half of the points within a quarter.
const EXPLAINED_ERROR = 0.25;
const EXPLAINED_SHARE = 0.5;

/** Values of a map and their targets at the points of a view. */
export interface FitPoints {
  readonly map: readonly number[];
  readonly target: readonly number[];
  /**
   * The divisor of the error at a target (above 0): the target itself for relative errors, 1 for
   * targets that are logarithms.
   */
  readonly divisor: (target: number) => number;
}

/**
 * Fits `scale * map + shift` to `target`: the best of random pairs of points, then weighted least
 * squares of the error `(scale * map + shift - target) / divisor` with Tukey's weights. The same keys
 * give the same fit. Null with fewer than LEAST_POINTS points, without a positive scale or
 * where half of the points are not explained.
 */
export function fitView(points: FitPoints, ...keys: readonly number[]): ViewFit | null {
  const { map, target, divisor } = points;
  if (map.length < LEAST_POINTS) return null;
  let fit = bestPair(points, keys);
  if (fit === null) return null;
  for (let round = 0; round < ROUNDS; round++) {
    const errors = errorsOf(points, fit);
    const absolute = errors.map(Math.abs).toSorted((a, b) => a - b);
    const deviation = 1.4826 * absolute[Math.floor(absolute.length / 2)];
    const limit = TUKEY * Math.max(LEAST_DEVIATION, deviation);
    const weights = errors.map((error, i) => {
      const share = error / limit;
      return Math.abs(share) < 1 ? ((1 - share * share) / divisor(target[i])) ** 2 : 0;
    });
    const next = leastSquares(map, target, weights);
    if (next === null) return null;
    fit = next;
  }
  const explained = errorsOf(points, fit).filter((error) => Math.abs(error) < EXPLAINED_ERROR);
  const isFit = fit.scale > 0 && explained.length >= EXPLAINED_SHARE * map.length;
  return isFit && Number.isFinite(fit.scale) && Number.isFinite(fit.shift) ? fit : null;
}

function errorsOf({ map, target, divisor }: FitPoints, { scale, shift }: ViewFit): number[] {
  return map.map((value, i) => (scale * value + shift - target[i]) / divisor(target[i]));
}

/** The line through two of the points that has the least error, cut off at GUESS_ERROR. */
function bestPair(points: FitPoints, keys: readonly number[]): ViewFit | null {
  const { map, target } = points;
  const random = randomStream(...keys);
  let best: ViewFit | null = null;
  let least = Infinity;
  for (let pair = 0; pair < PAIRS; pair++) {
    const [i, j] = [random.integer(map.length), random.integer(map.length)];
    const scale = (target[i] - target[j]) / (map[i] - map[j]);
    if (!(scale > 0) || !Number.isFinite(scale)) continue;
    const guess = { scale, shift: target[i] - scale * map[i] };
    const error = errorsOf(points, guess).reduce(
      (sum, one) => sum + Math.min(GUESS_ERROR, Math.abs(one)),
      0,
    );
    if (error >= least) continue;
    least = error;
    best = guess;
  }
  return best;
}

/** Least squares of `scale * map + shift - target`, each square times its weight. */
function leastSquares(
  map: readonly number[],
  target: readonly number[],
  weights: readonly number[],
): ViewFit | null {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) return null;
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value, i) => sum + weights[i] * value, 0) / total;
  // Around the means, so that a large shift costs no digits.
  const [x, y] = [mean(map), mean(target)];
  let [xx, xy] = [0, 0];
  map.forEach((value, i) => {
    xx += weights[i] * (value - x) ** 2;
    xy += weights[i] * (value - x) * (target[i] - y);
  });
  return xx > 0 ? { scale: xy / xx, shift: y - (xy / xx) * x } : null;
}
