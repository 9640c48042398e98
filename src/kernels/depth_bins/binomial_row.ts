// The binomial bin logits of a pixel from its five numbers and a table of ln C(K - 1, k): plain
// arithmetic for references and test inputs, no kernel.
import type { NumberArray } from "../../tensor/array.ts";
import { InputError } from "../../tensor/error.ts";
import { shaders } from "../shaders.gen.ts";

/**
 * Numbers per pixel in `rows`: slope, 1 / t, peak, derivative of the slope with respect to pi,
 * scale.
 */
export const ROW_NUMBERS: number = shaders.binomial_pack.constants.ROW_NUMBERS;
// lower clamp of pi and 1 - pi (ZoeDepth's code)
const PROBABILITY_FLOOR = shaders.binomial_pack.constants.FLOOR;
/** Steps of the first half of the table: its products with a bin are exact in f32. */
const HALF_STEP = 2 ** -10;

/** More bins than any adapter binds. */
const MOST_BINS = 2 ** 24;

const xLogX = (x: number): number => (x === 0 ? 0 : x * Math.log(x));

/**
 * The table `log_choose` [K, 2] of the kernels that make a binomial's bin logits. With n = K - 1
 * and 0 ln 0 = 0, L_k = n ln n - k ln k - (n - k) ln(n - k) in f64 (ln C(n, k) by Stirling without
 * its root). table[2k] = round(1024 L_k) / 1024, with halves rounded up: exact in f32, as are its
 * products with a bin; table[2k + 1] = L_k - table[2k], rounded to f32. Together they are exact to
 * 1e-10, so that differences of logits are right even at t = 0.0212. Throws InputError unless bins is
 * a count of at least 1.
 */
export function logChoose(bins: number): Float32Array<ArrayBuffer> {
  if (!(Number.isSafeInteger(bins) && bins >= 1 && bins <= MOST_BINS)) {
    throw new InputError(`logChoose: ${String(bins)} bins; expected 1 to ${MOST_BINS}`);
  }
  const n = bins - 1;
  const table = new Float32Array(2 * bins);
  for (let k = 0; k < bins; k++) {
    const value = xLogX(n) - xLogX(k) - xLogX(n - k);
    const high = Math.round(value / HALF_STEP) * HALF_STEP;
    table.set([high, value - high], 2 * k);
  }
  return table;
}

/**
 * Logit k of a pixel below its peak: (L_k + k slope - (L_peak + peak slope)) / t. log_choose
 * [K, 2], rows [.., 5].
 */
export function binomialLogit(
  log_choose: NumberArray,
  rows: NumberArray,
  row: number,
  k: number,
): number {
  const [slope, inverse_t, peak] = rows.subarray(ROW_NUMBERS * row, ROW_NUMBERS * row + 3);
  const at = (bin: number): number => log_choose[2 * bin] + log_choose[2 * bin + 1] + bin * slope;
  return (at(k) - at(peak)) * inverse_t;
}

/** (slope, 1 / t, peak, 1 / pi + 1 / (1 - pi) unless clamped) of a pixel. log_choose [K, 2]. */
export function binomialRow(
  pi: number,
  t: number,
  log_choose: NumberArray,
): [slope: number, inverse_t: number, peak: number, by_pi: number] {
  const n = log_choose.length / 2 - 1;
  const clamp = (x: number): number => Math.min(Math.max(x, PROBABILITY_FLOOR), 1);
  const [p, q] = [clamp(pi), clamp(1 - pi)];
  const slope = Math.log(p) - Math.log(q);
  const at = (bin: number): number => log_choose[2 * bin] + log_choose[2 * bin + 1] + bin * slope;
  const below = Math.max(Math.min(Math.floor((n * p) / (p + q)), n), 0);
  const above = Math.min(below + 1, n);
  const by_p = pi < PROBABILITY_FLOOR ? 0 : 1 / pi;
  const by_q = 1 - pi >= PROBABILITY_FLOOR ? 1 / (1 - pi) : 0;
  return [slope, 1 / t, at(above) > at(below) ? above : below, by_p + by_q];
}
