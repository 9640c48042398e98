// Measures one kernel on one problem, after it was found to be right: warm-up until the time is
// steady, then samples until their interval is narrow. What samples mean is in statistics.ts.
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

/** When there are samples enough. */
export interface MeasureSettings {
  /** Least time to measure for, in seconds. */
  readonly time_s: number;
  readonly min_samples: number;
  /** Half the interval by the median at which sampling ends. */
  readonly noise: number;
  /** Time in seconds after which sampling ends all the same. */
  readonly timeout_s: number;
}

/** Somebody asked for the end while something was measured; what was measured before counts. */
export class InterruptedError extends Error {
  override name = "InterruptedError";
}

/** For what was measured in part when it was interrupted. */
export function nullIfInterrupted(error: unknown): null {
  if (error instanceof InterruptedError) return null;
  throw error;
}

/** What measuring needs of its surroundings, made once a run. */
export interface Bench {
  /** Once aborted, what is being measured throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
  readonly gpu: Gpu;
  readonly quantum_ns: number;
  readonly settings: MeasureSettings;
  /** Null where cold times are not wanted. */
  readonly flush: CacheFlush | null;
  readonly destroy: () => void;
}

/** The samples of one kernel and problem with one state of the caches. */
export interface Timing {
  readonly samples_ms: readonly number[];
  /** Dispatches in each sample, which is their mean. */
  readonly batch: number;
  /** Whether the interval became as narrow as was asked before the time was up. */
  readonly converged: boolean;
  /** Whether each sample is long enough for the clock. */
  readonly trusted: boolean;
}

/** One of several that are timed in turn. */
export interface Contestant {
  /** GPU time in milliseconds of each part of a run, as the mean of `batch` runs. */
  readonly time: (batch: number) => Promise<readonly number[]>;
}

/** Contestants timed in turn. */
export interface TurnTiming {
  /** In milliseconds, by contestant and round: what each part of the run took. */
  readonly rounds: readonly (readonly (readonly number[])[])[];
  /** Runs in each sample, which is their mean. */
  readonly batch: number;
  readonly converged: boolean;
}

/** Two kernels timed in turn. */
export interface PairTiming {
  readonly a: Timing;
  readonly b: Timing;
  readonly comparison: Comparison;
}

// Two medians of this many times that agree are a steady clock.
const WINDOW = 5;
const STEADY = 0.02;
const WARM_UP_SHARE = 0.5;
// Times that tell how many runs the clock needs at once, where there is time for them.
const FIRST = 3;
const LEAST_SAMPLES = 3;
// Runs in a row of which the clock may tell nothing.
const MOST_UNTOLD = 20;
// The interval is computed anew when there are this many times the samples.
const GROWTH = 1.2;
// Share of the time-out after which a time that will not get quiet within it is given up.
const PATIENCE = 1 / 3;

/** Prepares for measuring; `cold` where the caches are to be flushed before samples. */
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
 * Times a kernel whose caches hold what they hold after it ran before; null where the clock is too
 * coarse to tell any time.
 */
export async function measureHot(bench: Bench, kernel: PreparedKernel): Promise<Timing | null> {
  const turn = await measureInTurn(bench, [hot(bench.gpu, kernel)]).catch(nullIfUntold);
  return turn === null ? null : timings(bench, turn)[0];
}

/**
 * Times a kernel after a flush of the caches; null where the clock is too coarse to tell any time.
 * Only one dispatch of it is cold, so a short one cannot be batched and is not trusted.
 */
export async function measureCold(
  bench: Bench,
  kernel: PreparedKernel,
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

/** Times two kernels in turn, hot. */
export async function measurePair(
  bench: Bench,
  [a, b]: readonly [PreparedKernel, PreparedKernel],
  threshold: number,
): Promise<PairTiming> {
  return await measureTwo(bench, [hot(bench.gpu, a), hot(bench.gpu, b)], threshold);
}

/** Times two contestants in turn and compares the second with the first. */
export async function measureTwo(
  bench: Pick<Bench, "quantum_ns" | "settings" | "signal">,
  contestants: readonly [Contestant, Contestant],
  threshold: number,
): Promise<PairTiming> {
  const [a, b] = timings(bench, await measureInTurn(bench, contestants));
  return { a, b, comparison: comparePairs(a.samples_ms, b.samples_ms, threshold) };
}

/**
 * Times contestants in turn, each round one further on in their order. Sampling ends by the width
 * of intervals, of the ratios to the first where there are several, and never by a verdict, which
 * would favour a difference. A round in which the clock told no time is taken again; throws
 * ClockError where that goes on.
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

/** What all parts of a run took. */
export function total(parts: readonly number[]): number {
  return parts.reduce((sum, part) => sum + part, 0);
}

/** Round by round, one series by the other. */
export function ratios(above: readonly number[], below: readonly number[]): number[] {
  return above.map((value, i) => value / below[i]);
}

/** Takes a sample again until the clock tells its time; throws where it does not, or is to stop. */
async function told(
  { signal }: Pick<Bench, "signal">,
  sample: () => Promise<boolean>,
): Promise<void> {
  for (let turn = 0; turn < MOST_UNTOLD; turn++) {
    if (signal?.aborted === true) throw new InterruptedError("interrupted");
    if (await sample()) return;
  }
  throw new ClockError(
    `the GPU's clock is too coarse: it told 0 for all of ${MOST_UNTOLD} runs of what was to be timed`,
  );
}

function nullIfUntold(error: unknown): null {
  if (error instanceof ClockError) return null;
  throw error;
}

function hot(gpu: Gpu, kernel: PreparedKernel): Contestant {
  return { time: async (batch) => [await timeHot(gpu, kernel, batch)] };
}

const now = (): number => performance.now();

/**
 * Runs a contestant until its time is steady, or half the time to measure is over; returns how many
 * runs the clock needs at once.
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

/** Samples until `noise` is as low as asked; returns whether it is, with as many as asked. */
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
    // The interval narrows with the root of the time: what the time-out would not bring is not
    // waited for.
    const share = elapsed_s / timeout_s;
    const hopeless = share >= PATIENCE && reached * Math.sqrt(share) > wanted;
    if (late || converged || hopeless) return converged && count >= min_samples;
  }
}

/** The timing of each contestant, of all parts of its runs. */
function timings(bench: Pick<Bench, "quantum_ns">, { rounds, ...rest }: TurnTiming): Timing[] {
  return rounds.map((runs) => timingOf(bench, { samples_ms: runs.map(total), ...rest }));
}

/** A timing with what its clock is worth. */
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
