// The best constant depth per camera: the baseline that a student has to beat. It is fitted on the
// training moments and evaluated like any other prediction, without seeing an image.
import type { DepthProtocol } from "../data/data_source.ts";
import type { GroundTruth } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import { isValidTruth, type DepthRange } from "./metrics.ts";
import { evaluator, type EvaluationResult } from "./protocol.ts";

/** Collects the truth of training moments and gives the constants. */
export interface ConstantBaseline {
  /** Counts the truth of one training moment, one map per camera. */
  add(truths: readonly GroundTruth[]): void;
  /**
   * The AbsRel-optimal constant of each camera `[V]` in metres. Throws InputError for a camera that
   * has had no valid true depth so far.
   */
  constants_m(): Float64Array;
}

/**
 * Fits exactly, per camera, the constant that minimises AbsRel as the protocol averages it.
 *
 * AbsRel of a constant c is mean over images of (1/n) Σ |g - c| / g, n the valid pixels of the
 * image: a weighted sum of |g - c|, whose minimum is the weighted median of g with weights 1 / (g
 * n). All valid true depths are kept until then, 16 bytes each.
 */
export function constantBaseline(cameras: readonly string[], range: DepthRange): ConstantBaseline {
  const depths = cameras.map((): number[] => []);
  const weights = cameras.map((): number[] => []);
  return {
    add(truths) {
      if (truths.length !== cameras.length) {
        throw new InputError(
          `constant baseline: ${truths.length} true depth maps for ${cameras.length} cameras`,
        );
      }
      truths.forEach((truth, view) => {
        const valid = truth.depth_m.filter((g) => isValidTruth(g, range));
        for (const g of valid) {
          depths[view].push(g);
          weights[view].push(1 / (g * valid.length));
        }
      });
    },
    constants_m() {
      return Float64Array.from(cameras, (name, view) => {
        const constant = weightedMedian(depths[view], weights[view]);
        if (constant === undefined) {
          throw new InputError(
            `constant baseline: camera ${name} has no true depth between ${range.min_m} and ` +
              `${range.cap_m} m in the training moments`,
          );
        }
        return constant;
      });
    },
  };
}

/**
 * The smallest value at which the weights of the values up to it reach half of all weight: a point
 * where Σ w |x - c| is least. `undefined` for no values. Weights must be positive.
 */
export function weightedMedian(
  values: readonly number[],
  weights: readonly number[],
): number | undefined {
  const order = Uint32Array.from(values.keys()).sort((a, b) => values[a] - values[b]);
  let half = 0;
  for (const i of order) half += weights[i] / 2;
  let below = 0;
  for (const i of order) {
    below += weights[i];
    if (below >= half) return values[i];
  }
  return undefined;
}

/** The table of constant predictions `constants_m` `[V]` on moments of truth, usually held out. */
export function evaluateConstants(
  cameras: readonly string[],
  constants_m: Float64Array,
  protocol: DepthProtocol,
  moments: Iterable<readonly GroundTruth[]>,
): EvaluationResult {
  const table = evaluator(cameras, protocol);
  // A map of one pixel, resized, is that constant at any size.
  for (const truths of moments) table.add(constants_m, { height: 1, width: 1 }, truths);
  return table.result();
}
