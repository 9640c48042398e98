// Statistics of sampled times: median, bootstrap interval, drift, and the verdict on two sets of
// samples. Pure functions; the GPU is in measure.ts.
import { randomStream } from "../tensor/random.ts";

const RESAMPLES = 1000;
const COVERED = 0.95;
// If more than this many times the present samples would be needed, more samples settle nothing.
const MOST_GROWTH = 100;

/** A range that contains the true value in 95 of 100 cases. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A median with its interval. */
export interface Estimate extends Interval {
  readonly median: number;
}

/** The verdict on the second of two sets of samples: its change of time, and how certain it is. */
export interface Comparison {
  readonly verdict: "SAME" | "FAST" | "SLOW" | "AMBIGUOUS";
  /** Median of the second divided by that of the first, minus 1: 0.05 is 5 % more time. */
  readonly change: Estimate;
  /**
   * For AMBIGUOUS: how many more samples are likely to settle it; null if no number would, or none
   * is needed.
   */
  readonly further_samples: number | null;
}

/** The middle of `values`; NaN if there are none. */
export function median(values: readonly number[]): number {
  return middle(values.toSorted((a, b) => a - b));
}

/** Median and bootstrap interval of `samples`; deterministic for the same samples and seed. */
export function estimate(samples: readonly number[], seed = 1): Estimate {
  const sorted = samples.toSorted((a, b) => a - b);
  const medians = resampledMedians(sorted, seed);
  return { median: middle(sorted), ...covering(medians) };
}

/** Half the interval divided by the median; `--noise` limits it. */
export function relativeNoise({ low, high, median: center }: Estimate): number {
  return center === 0 ? Infinity : (high - low) / 2 / center;
}

/**
 * Median of the last third of the samples divided by that of the first, minus 1: shows a machine
 * that warms up or throttles. 0 for fewer than 6 samples.
 */
export function drift(samples: readonly number[]): number {
  if (samples.length < 6) return 0;
  const third = Math.floor(samples.length / 3);
  const [first, last] = [median(samples.slice(0, third)), median(samples.slice(-third))];
  return first === 0 ? 0 : last / first - 1;
}

/**
 * Compares two sets of samples that were taken separately, such as a run and a saved one. Changes
 * of the machine in between show in no sample: the interval is widened by the drift of both, and
 * all of it must be beyond the threshold.
 */
export function compareSamples(
  before: readonly number[],
  after: readonly number[],
  threshold: number,
  seed = 1,
): Comparison {
  const [a, b] = [before, after].map((samples) => samples.toSorted((x, y) => x - y));
  const [mediansA, mediansB] = [resampledMedians(a, seed), resampledMedians(b, seed + 1)];
  const { low, high } = covering(mediansB.map((value, i) => value / mediansA[i] - 1));
  const moved = Math.max(...[before, after].map((samples) => Math.abs(drift(samples))));
  const change = { median: middle(b) / middle(a) - 1, low: low - moved, high: high + moved };
  return judge(change, Math.min(before.length, after.length), threshold, { gap: threshold, moved });
}

/**
 * Compares two sets of interleaved samples: the change is the median of the ratios of pairs, so
 * that drift affects both equally.
 */
export function comparePairs(
  first: readonly number[],
  second: readonly number[],
  threshold: number,
  seed = 1,
): Comparison {
  if (first.length !== second.length) {
    throw new RangeError(`pairs of ${first.length} and ${second.length} samples`);
  }
  const changes = first.map((time, i) => second[i] / time - 1);
  return judge(estimate(changes, seed), first.length, threshold, { gap: 0, moved: 0 });
}

/**
 * SLOW or FAST needs both: a median beyond the threshold, and an interval that lies beyond `gap`
 * and beyond a quarter of the median. Among intervals that contain the truth in 95 of 100 cases,
 * one in twenty lies beyond 0 by chance, one in a hundred beyond a quarter of its median. SAME
 * needs the whole interval within the threshold. A change that is not a number, such as one
 * relative to a time of 0, is AMBIGUOUS. No further sample narrows the part of the interval that is
 * `moved`.
 */
function judge(
  change: Estimate,
  samples: number,
  threshold: number,
  { gap, moved }: { readonly gap: number; readonly moved: number },
): Comparison {
  const { median: center, low, high } = change;
  const settled = (verdict: Comparison["verdict"]): Comparison => ({
    verdict,
    change,
    further_samples: null,
  });
  if (![center, low, high].every(Number.isFinite)) return settled("AMBIGUOUS"); // Times of 0.
  const size = Math.abs(center);
  const clear = Math.max(gap, size / 4);
  if (low > clear && center > threshold) return settled("SLOW");
  if (high < -clear && center < -threshold) return settled("FAST");
  if (low >= -threshold && high <= threshold) return settled("SAME");
  // The interval narrows with the square root of the number of samples; the required width depends
  // on the side of the threshold that the median is on.
  const needed = (size > threshold ? size - clear : threshold - size) - moved;
  const growth = needed > 0 ? (((high - low) / 2 - moved) / needed) ** 2 : Infinity;
  // At least a tenth: if the interval is lopsided, half its width may look narrow enough.
  const further = Math.ceil(samples * Math.max(0.1, growth - 1));
  const within = further <= MOST_GROWTH * samples;
  return { verdict: "AMBIGUOUS", change, further_samples: within ? further : null };
}

/** Medians of resamples of `sorted`, each as long as it is. */
function resampledMedians(sorted: readonly number[], seed: number): number[] {
  const n = sorted.length;
  const stream = randomStream(seed, n);
  const counts = new Uint32Array(n);
  const [low, high] = [Math.ceil(n / 2) - 1, Math.floor(n / 2)];
  return Array.from({ length: n === 0 ? 0 : RESAMPLES }, () => {
    counts.fill(0);
    for (let i = 0; i < n; i++) counts[stream.integer(n)]++;
    // The drawn elements in order are those of `sorted`, each repeated as often as it was drawn.
    let [seen, at] = [0, -1];
    const element = (rank: number): number => {
      while (seen <= rank) seen += counts[++at];
      return sorted[at];
    };
    return (element(low) + element(high)) / 2;
  });
}

function covering(values: readonly number[]): Interval {
  const sorted = values.toSorted((a, b) => a - b);
  const tail = (1 - COVERED) / 2;
  const last = sorted.length - 1;
  return {
    low: sorted[Math.floor(tail * last)] ?? Number.NaN,
    high: sorted[Math.ceil((1 - tail) * last)] ?? Number.NaN,
  };
}

function middle(sorted: readonly number[]): number {
  const half = sorted.length / 2;
  return (sorted[Math.floor(half)] + sorted[Math.ceil(half) - 1]) / 2;
}
