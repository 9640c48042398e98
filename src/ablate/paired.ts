// Paired statistics over seeds: a row and its reference see the same data, order and initial weights
// at each seed, so that what they share drops out of the differences.
import type { Interval } from "../measure/statistics.ts";
import { studentT } from "./student_t.ts";

/** A mean over seeds with its 95 % interval. */
export interface PairedMean {
  readonly mean: number;
  /** Null for one difference, whose spread is unknown. */
  readonly interval: Interval | null;
}

/**
 * The mean of paired differences `[n]` and its 95 % interval, `mean ± t(n-1) s / √n`, `s` their
 * standard deviation; null for none. Where all differences are equal the interval has no width.
 */
export function pairedMean(differences: readonly number[]): PairedMean | null {
  const count = differences.length;
  if (count === 0) return null;
  const mean = meanOf(differences);
  const spread = deviationOf(differences);
  if (spread === null) return { mean, interval: null };
  const half = (studentT(count - 1) * spread) / Math.sqrt(count);
  return { mean, interval: { low: mean - half, high: mean + half } };
}

/** The mean of at least one value; of equal values exactly that value. */
export function meanOf(values: readonly number[]): number {
  const [first] = values;
  return first + values.reduce((sum, value) => sum + (value - first), 0) / values.length;
}

/** The standard deviation with n - 1; null for fewer than two values. */
export function deviationOf(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
