// Measures one kernel on one problem, after it was found to be right: warm-up until the time is
// steady, then samples until their interval is narrow. What samples mean is in statistics.ts.
import type { Gpu } from "../gpu/device.ts";
import type { PreparedKernel } from "../kernels/run.ts";
import {
  batchFor,
  prepareFlush,
  timeCold,
  timeHot,
  TRUSTED_QUANTA,
  type CacheFlush,
} from "./clock.ts";
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

/** What measuring needs of its surroundings, made once a run. */
export interface Bench {
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
): Promise<Bench> {
  const flush = cold ? await prepareFlush(gpu) : null;
  return { gpu, quantum_ns, settings, flush, destroy: () => flush?.destroy() };
}

/** Times a kernel whose caches hold what they hold after it ran before. */
export async function measureHot(bench: Bench, kernel: PreparedKernel): Promise<Timing> {
  const { gpu } = bench;
  const batch = await warmUp(bench, kernel);
  const samples = await collect(
    bench.settings,
    async () => await timeHot(gpu, kernel, batch),
    estimate,
  );
  return timing(bench, samples, batch);
}

/**
 * Times a kernel after a flush of the caches. Only one dispatch of it is cold, so a short one
 * cannot be batched and is not trusted.
 */
export async function measureCold(
  bench: Bench,
  kernel: PreparedKernel,
  flush: CacheFlush,
): Promise<Timing> {
  const { gpu } = bench;
  await warmUp(bench, kernel);
  const samples = await collect(
    bench.settings,
    async () => await timeCold(gpu, kernel, flush),
    estimate,
  );
  return timing(bench, samples, 1);
}

/** Two things timed in turn. */
export interface TimesInTurn {
  readonly times_ms: readonly [readonly number[], readonly number[]];
  readonly converged: boolean;
  readonly comparison: Comparison;
}

/**
 * Takes times of two things in turn, the first of each pair being the second of the next. Sampling
 * ends by the width of the interval and never by the verdict, which would favour a difference.
 */
export async function measureInTurn(
  settings: MeasureSettings,
  timers: readonly [() => Promise<number>, () => Promise<number>],
  threshold: number,
): Promise<TimesInTurn> {
  const times_ms: [number[], number[]] = [[], []];
  let turn = 0;
  const sample = async (): Promise<number> => {
    const order = turn++ % 2 === 0 ? [0, 1] : [1, 0];
    for (const i of order) times_ms[i].push(await timers[i]());
    return times_ms[1].at(-1)! / times_ms[0].at(-1)!;
  };
  const { converged } = await collect(settings, sample, estimate);
  return { times_ms, converged, comparison: comparePairs(...times_ms, threshold) };
}

/** Times two kernels in turn, hot. */
export async function measurePair(
  bench: Bench,
  kernels: readonly [PreparedKernel, PreparedKernel],
  threshold: number,
): Promise<PairTiming> {
  const { gpu, settings } = bench;
  const batches: number[] = [];
  for (const kernel of kernels) batches.push(await warmUp(bench, kernel));
  const batch = Math.max(...batches);
  const timer = (kernel: PreparedKernel) => async (): Promise<number> =>
    await timeHot(gpu, kernel, batch);
  const timers = [timer(kernels[0]), timer(kernels[1])] as const;
  const { times_ms, converged, comparison } = await measureInTurn(settings, timers, threshold);
  const [a, b] = times_ms.map((samples_ms) => timing(bench, { samples_ms, converged }, batch));
  return { a, b, comparison };
}

/**
 * Runs a kernel until its time is steady, or half the time to measure is over; returns how many
 * dispatches the clock needs at once.
 */
async function warmUp(
  { gpu, quantum_ns, settings }: Bench,
  kernel: PreparedKernel,
): Promise<number> {
  await timeHot(gpu, kernel, 1); // compiles
  const first_ms: number[] = [];
  for (let i = 0; i < 3; i++) first_ms.push(await timeHot(gpu, kernel, 1));
  const batch = batchFor(median(first_ms), quantum_ns);
  const end = performance.now() + 1000 * WARM_UP_SHARE * settings.time_s;
  let before = Infinity;
  while (performance.now() < end) {
    const window: number[] = [];
    for (let i = 0; i < WINDOW && performance.now() < end; i++) {
      window.push(await timeHot(gpu, kernel, batch));
    }
    const now = median(window);
    if (Math.abs(now / before - 1) < STEADY) break;
    before = now;
  }
  return batch;
}

interface Collected {
  readonly samples_ms: readonly number[];
  readonly converged: boolean;
}

async function collect(
  settings: MeasureSettings,
  sample: () => Promise<number>,
  judge: typeof estimate,
): Promise<Collected> {
  const { time_s, min_samples, noise, timeout_s } = settings;
  const started = performance.now();
  const samples: number[] = [];
  let next = min_samples;
  for (;;) {
    samples.push(await sample());
    const elapsed_s = (performance.now() - started) / 1000;
    const late = elapsed_s >= timeout_s && samples.length >= 3;
    if (!late && (samples.length < next || elapsed_s < time_s)) continue;
    next = Math.ceil(samples.length * GROWTH);
    const reached = relativeNoise(judge(samples));
    const converged = reached <= noise;
    // The interval narrows with the root of the time: what the time-out would not bring is not
    // waited for.
    const share = elapsed_s / timeout_s;
    const hopeless = share >= PATIENCE && reached * Math.sqrt(share) > noise;
    if (late || converged || hopeless) {
      return { samples_ms: samples, converged: converged && samples.length >= min_samples };
    }
  }
}

function timing(bench: Bench, { samples_ms, converged }: Collected, batch: number): Timing {
  const least_ms = (TRUSTED_QUANTA * bench.quantum_ns) / 1e6;
  return { samples_ms, batch, converged, trusted: median(samples_ms) * batch >= least_ms };
}
