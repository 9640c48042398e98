// Measures one kernel on one problem, after it was found to be correct: warms up until the time is
// steady, then samples until the interval is narrow. statistics.ts interprets the samples.
import type { Gpu } from "../gpu/device.ts";
import type { PreparedKernel } from "../engine/run.ts";
import {
  batchFor,
  prepareFlush,
  timeCold,
  timeHot,
  TRUSTED_QUANTA,
  type CacheFlush,
} from "./clock.ts";
import { ClockError } from "./sound_passes.ts";
import { comparePairs, estimate, median, relativeNoise, type Comparison } from "./statistics.ts";

/** When sampling may end. */
export interface MeasureSettings {
  /** Minimum sampling time, in seconds. */
  readonly time_s: number;
  readonly min_samples: number;
  /** Target half-width of the interval relative to the median; sampling ends there. */
  readonly noise: number;
  /** Maximum sampling time, in seconds. */
  readonly timeout_s: number;
}

/** The user interrupted a measurement; results measured before it remain valid. */
export class InterruptedError extends Error {
  override name = "InterruptedError";
}

/** For results that were only partly measured when interrupted. */
export function nullIfInterrupted(error: unknown): null {
  if (error instanceof InterruptedError) return null;
  throw error;
}

/** The tools of measuring, created once per run. */
export interface Bench {
  /** Once aborted, the current measurement throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
  readonly gpu: Gpu;
  readonly quantum_ns: number;
  readonly settings: MeasureSettings;
  /** Null if cold times are not wanted. */
  readonly flush: CacheFlush | null;
  readonly destroy: () => void;
}

/** A kernel with its buffers, ready to be timed. */
export type Prepared = Pick<PreparedKernel, "dispatch" | "destroy">;

/** The samples of one kernel and problem with one state of the caches. */
export interface Timing {
  readonly samples_ms: readonly number[];
  /** Dispatches per sample; a sample is their mean. */
  readonly batch: number;
  /** Whether the interval became as narrow as requested before the time was up. */
  readonly converged: boolean;
  /** Whether each sample is long enough for the clock. */
  readonly trusted: boolean;
}

/** One of several interleaved contestants. */
export interface Contestant {
  /** GPU time in milliseconds of each part of a run, averaged over `batch` runs. */
  readonly time: (batch: number) => Promise<readonly number[]>;
}

/** The times of interleaved contestants. */
export interface TurnTiming {
  /** In milliseconds, by contestant and round: the time of each part of the run. */
  readonly rounds: readonly (readonly (readonly number[])[])[];
  /** Runs per sample; a sample is their mean. */
  readonly batch: number;
  readonly converged: boolean;
}

/** The times of two interleaved kernels. */
export interface PairTiming {
  readonly a: Timing;
  readonly b: Timing;
  readonly comparison: Comparison;
}

// The clock is steady once two medians of this many times agree.
const WINDOW = 5;
const STEADY = 0.02;
const WARM_UP_SHARE = 0.5;
// Times used to find how many runs per sample the clock needs, if there is time for them.
const FIRST = 3;
const LEAST_SAMPLES = 3;
// Consecutive runs that the clock may fail to measure.
const MOST_UNTOLD = 20;
// The interval is recomputed when the number of samples has grown by this factor.
const GROWTH = 1.2;
// Share of the time-out after which a time is given up if it cannot become quiet by its end.
const PATIENCE = 1 / 3;

/** Prepares for measuring; `cold` if the caches must be flushed before samples. */
export async function prepareBench(
  gpu: Gpu,
  quantum_ns: number,
  settings: MeasureSettings,
  cold: boolean,
  signal?: AbortSignal,
): Promise<Bench> {
  const flush = cold ? await prepareFlush(gpu) : null;
  return { gpu, quantum_ns, settings, flush, signal, destroy: () => flush?.destroy() };
}

/**
 * Times a kernel with the caches as its previous run left them; null if the clock is too coarse to
 * measure any time.
 */
export async function measureHot(bench: Bench, kernel: Prepared): Promise<Timing | null> {
  const turn = await measureInTurn(bench, [hot(bench.gpu, kernel)]).catch(nullIfUntold);
  return turn === null ? null : timings(bench, turn)[0];
}

/**
 * Times a kernel after a flush of the caches; null if the clock is too coarse to measure any time.
 * Only its first dispatch is cold, so a short kernel cannot be batched and is not trusted.
 */
export async function measureCold(
  bench: Bench,
  kernel: Prepared,
  flush: CacheFlush,
): Promise<Timing | null> {
  const { gpu } = bench;
  await warmUp(bench, hot(gpu, kernel), now);
  const samples_ms: number[] = [];
  const sample = async (): Promise<void> => {
    await told(bench, async () => {
      const time_ms = await timeCold(gpu, kernel, flush);
      if (time_ms > 0) samples_ms.push(time_ms);
      return time_ms > 0;
    });
  };
  const noise = (): number => relativeNoise(estimate(samples_ms));
  const converged = await collect(bench.settings, sample, noise, now).catch(nullIfUntold);
  return converged === null ? null : timingOf(bench, { samples_ms, batch: 1, converged });
}

/** Times two kernels, interleaved and hot. */
export async function measurePair(
  bench: Bench,
  [a, b]: readonly [Prepared, Prepared],
  threshold: number,
): Promise<PairTiming> {
  return await measureTwo(bench, [hot(bench.gpu, a), hot(bench.gpu, b)], threshold);
}

/** Times two interleaved contestants and compares the second with the first. */
export async function measureTwo(
  bench: Pick<Bench, "quantum_ns" | "settings" | "signal">,
  contestants: readonly [Contestant, Contestant],
  threshold: number,
): Promise<PairTiming> {
  const [a, b] = timings(bench, await measureInTurn(bench, contestants));
  return { a, b, comparison: comparePairs(a.samples_ms, b.samples_ms, threshold) };
}

/**
 * Times contestants interleaved, each round starting one further on in their order. Sampling ends
 * when the intervals are narrow enough (those of the ratios to the first, if there are several),
 * never because of a verdict, which would favour a difference. A round that the clock could not
 * measure is repeated; throws ClockError if that continues.
 */
export async function measureInTurn(
  bench: Pick<Bench, "quantum_ns" | "settings" | "signal">,
  contestants: readonly Contestant[],
  clock_ms: () => number = now,
): Promise<TurnTiming> {
  const count = contestants.length;
  let batch = 1;
  for (const contestant of contestants) {
    batch = Math.max(batch, await warmUp(bench, contestant, clock_ms));
  }
  const rounds: (readonly number[])[][] = contestants.map(() => []);
  let turn = 0;
  const sample = async (): Promise<void> => {
    await told(bench, async () => {
      const first = turn++ % count;
      const round: (readonly number[])[] = [];
      for (let i = 0; i < count; i++) {
        const place = (first + i) % count;
        round[place] = await contestants[place].time(batch);
      }
      if (!round.every((parts) => total(parts) > 0)) return false;
      for (const [place, parts] of round.entries()) rounds[place].push(parts);
      return true;
    });
  };
  const noise = (): number => {
    const [first, ...others] = rounds.map((runs) => runs.map(total));
    const series = others.length === 0 ? [first] : others.map((times) => ratios(times, first));
    return Math.max(...series.map((values) => relativeNoise(estimate(values))));
  };
  const converged = await collect(bench.settings, sample, noise, clock_ms);
  return { rounds, batch, converged };
}

/** The total time of all parts of a run. */
export function total(parts: readonly number[]): number {
  return parts.reduce((sum, part) => sum + part, 0);
}

/** Divides one series by the other, round by round. */
export function ratios(above: readonly number[], below: readonly number[]): number[] {
  return above.map((value, i) => value / below[i]);
}

/** Repeats a sample until the clock can measure it; throws if it never can or must stop. */
async function told(
  { signal }: Pick<Bench, "signal">,
  sample: () => Promise<boolean>,
): Promise<void> {
  for (let turn = 0; turn < MOST_UNTOLD; turn++) {
    if (signal?.aborted === true) throw new InterruptedError("interrupted");
    if (await sample()) return;
  }
  throw new ClockError(
    `the GPU's clock is too coarse: it reported 0 for all ${MOST_UNTOLD} timed runs`,
  );
}

function nullIfUntold(error: unknown): null {
  if (error instanceof ClockError) return null;
  throw error;
}

function hot(gpu: Gpu, kernel: Prepared): Contestant {
  return { time: async (batch) => [await timeHot(gpu, kernel, batch)] };
}

const now = (): number => performance.now();

/**
 * Runs a contestant until its time is steady, or half the measuring time is over; returns how many
 * runs per sample the clock needs.
 */
async function warmUp(
  { quantum_ns, settings, signal }: Pick<Bench, "quantum_ns" | "settings" | "signal">,
  { time }: Contestant,
  clock_ms: () => number,
): Promise<number> {
  const timed = async (batch: number): Promise<number> => {
    if (signal?.aborted === true) throw new InterruptedError("interrupted");
    return total(await time(batch));
  };
  await timed(1); // compiles
  const end = clock_ms() + 1000 * WARM_UP_SHARE * settings.time_s;
  const first_ms = [await timed(1)];
  while (first_ms.length < FIRST && clock_ms() < end) first_ms.push(await timed(1));
  const batch = batchFor(median(first_ms), quantum_ns);
  let before = Infinity;
  while (clock_ms() < end) {
    const window: number[] = [];
    for (let i = 0; i < WINDOW && clock_ms() < end; i++) window.push(await timed(batch));
    const settled = median(window);
    if (Math.abs(settled / before - 1) < STEADY) break;
    before = settled;
  }
  return batch;
}

/** Samples until `noise` is as low as requested; returns whether it is, and the required count. */
async function collect(
  { time_s, min_samples, noise: wanted, timeout_s }: MeasureSettings,
  sample: () => Promise<void>,
  noise: () => number,
  clock_ms: () => number,
): Promise<boolean> {
  const started = clock_ms();
  let next = min_samples;
  for (let count = 1; ; count++) {
    await sample();
    const elapsed_s = (clock_ms() - started) / 1000;
    const late = elapsed_s >= timeout_s && count >= LEAST_SAMPLES;
    if (!late && (count < next || elapsed_s < time_s)) continue;
    next = Math.ceil(count * GROWTH);
    const reached = noise();
    const converged = reached <= wanted;
    // The interval narrows with the square root of the time: if the time-out would not reach the
    // target, sampling stops early.
    const share = elapsed_s / timeout_s;
    const hopeless = share >= PATIENCE && reached * Math.sqrt(share) > wanted;
    if (late || converged || hopeless) return converged && count >= min_samples;
  }
}

/** The timing of each contestant, over all parts of its runs. */
function timings(bench: Pick<Bench, "quantum_ns">, { rounds, ...rest }: TurnTiming): Timing[] {
  return rounds.map((runs) => timingOf(bench, { samples_ms: runs.map(total), ...rest }));
}

/** A timing, with whether the clock can be trusted on it. */
export function timingOf(
  { quantum_ns }: Pick<Bench, "quantum_ns">,
  timing: Omit<Timing, "trusted">,
): Timing {
  const least_ms = (TRUSTED_QUANTA * quantum_ns) / 1e6;
  const time_ms = median(timing.samples_ms) * timing.batch;
  return { ...timing, trusted: time_ms > 0 && time_ms >= least_ms };
}

/** Frees the bench when `work` is done. */
export async function using<T>(bench: Bench, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    bench.destroy();
  }
}
