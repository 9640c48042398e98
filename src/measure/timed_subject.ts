// The time of a kernel or of a compiled graph, as programs ask for it.
import type { AnyKernel } from "../engine/kernel.ts";
import { checkProblem, type Problem } from "../engine/problem.ts";
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { settled } from "../gpu/settled.ts";
import { hasTimestamps, timerQuantum_ns } from "../gpu/timestamps.ts";
import { checkNames, checkOptions } from "../tensor/options.ts";
import type { Plan } from "../graph/plan.ts";
import { InputError } from "../tensor/error.ts";
import { prepareFlush, type CacheFlush } from "./clock.ts";
import { measureInTurn, timingOf, type Timing } from "./measure.ts";
import { makeChecker, prepareProblem } from "./problems.ts";
import { soundPasses } from "./sound_passes.ts";
import { estimate } from "./statistics.ts";

/**
 * The subject of a measurement: one dispatch of a kernel on a problem, or all dispatches of a plan on its inputs (a
 * plan that updates parameters trains while it is measured).
 */
export type Measurable =
  | { readonly kernel: AnyKernel; readonly problem: Problem }
  | {
      readonly plan: Plan;
      readonly inputs: Readonly<Record<string, ArrayLike<number>>>;
      readonly scalars?: Readonly<Record<string, number>>;
    };

/** When sampling may end, and the state of the caches. */
export interface MeasureOptions {
  /** Minimum sampling time in seconds, half of it for warming up before; 0.5 by default. */
  readonly time_s?: number;
  /** 10 by default. */
  readonly min_samples?: number;
  /** Half-width of the interval relative to the median at which sampling ends; 0.02 by default. */
  readonly noise?: number;
  /** Maximum sampling time in seconds; 5 by default. */
  readonly timeout_s?: number;
  /** Empty the caches before each sample; false by default. */
  readonly flush?: boolean;
  /** Quantiles to report beside the median, from 0 to 1. */
  readonly quantiles?: readonly number[];
}

/** A time with its interval. */
export interface Measured {
  /** Of one dispatch of the kernel, or of all dispatches of the plan. */
  readonly median_ms: number;
  /** Ends of the interval that contains the median in 95 of 100 cases. */
  readonly low_ms: number;
  readonly high_ms: number;
  /** In the order of `quantiles`. */
  readonly quantiles_ms: readonly number[];
  readonly samples_ms: readonly number[];
  /** Runs per sample; a sample is their mean. */
  readonly batch: number;
  /** Whether the interval became as narrow as `noise` asks. */
  readonly converged: boolean;
  /** Whether each sample is long enough for the clock. */
  readonly trusted: boolean;
  /** The GPU's own clock, or the host's where the adapter has none. */
  readonly clock: "gpu" | "host";
  /** Whether the numbers were compared with the reference first: kernels are, plans are not. */
  readonly checked: boolean;
  /** By the cost model of the kernels. */
  readonly flops: number;
  readonly bytes: number;
}

/** A kernel computes something else than its reference, so that its time means nothing. */
export class WrongKernelError extends Error {
  override name = "WrongKernelError";
}

/** The resolution of the host's clock around a submit, by a cautious guess. */
const HOST_QUANTUM_NS = 20_000;
const NUMBERS = {
  time_s: "number",
  min_samples: "number",
  noise: "number",
  timeout_s: "number",
} as const;

/**
 * Times a kernel or a plan on the GPU: warms up until the time is steady, then samples until the
 * interval of the median is narrow. A kernel is checked against its reference first. Throws
 * WrongKernelError if that fails, InputError for unknown options, and ClockError if the clock of the
 * GPU is too coarse for any time.
 */
export async function measure(
  gpu: Gpu,
  subject: Measurable,
  options: MeasureOptions = {},
): Promise<Measured> {
  const { flush: isCold = false, quantiles = [] } = options;
  checkOptions("measure", options, {}, { ...NUMBERS, flush: "flag", quantiles: "numbers" });
  const bad = quantiles.find((share) => share < 0 || share > 1);
  if (bad !== undefined) throw new InputError(`measure: quantile ${bad}; expected 0 to 1`);
  const { time_s = 0.5, min_samples = 10, noise = 0.02, timeout_s = 5 } = options;
  const settings = { time_s, min_samples, noise, timeout_s };
  const onGpu = hasTimestamps(gpu);
  const quantum_ns = onGpu ? await timerQuantum_ns(gpu) : HOST_QUANTUM_NS;
  const prepared = await prepare(gpu, subject);
  const flush = isCold ? await prepareFlush(gpu) : null;
  try {
    const time = onGpu ? gpuTime : hostTime;
    const contestant = {
      time: async (batch: number) => [await time(gpu, prepared.dispatches, batch, flush)],
    };
    const turn = await measureInTurn({ quantum_ns, settings }, [contestant]);
    const samples_ms = turn.rounds[0].map(([time_ms]) => time_ms);
    const batch = isCold ? 1 : turn.batch;
    const { converged } = turn;
    const timing = timingOf({ quantum_ns }, { samples_ms, batch, converged });
    const { flops, bytes, checked } = prepared;
    return { ...summary(timing, quantiles), clock: onGpu ? "gpu" : "host", checked, flops, bytes };
  } finally {
    flush?.destroy();
    prepared.destroy();
  }
}

interface Prepared {
  readonly dispatches: readonly PreparedDispatch[];
  readonly checked: boolean;
  readonly flops: number;
  readonly bytes: number;
  readonly destroy: () => void;
}

async function prepare(gpu: Gpu, subject: Measurable): Promise<Prepared> {
  if ("kernel" in subject) {
    checkNames("measure", subject, ["kernel", "problem"]);
    const { kernel, problem } = subject;
    checkProblem("measure: problem", problem);
    const { error } = await makeChecker(gpu).check(kernel, problem);
    if (error !== "") throw new WrongKernelError(error);
    const { dispatch, destroy } = await prepareProblem(gpu, kernel, problem);
    const cost = kernel.cost(problem.shapes, problem.attributes);
    return { dispatches: [dispatch], checked: true, ...cost, destroy };
  }
  if (!("plan" in subject)) {
    throw new InputError("measure: expected { kernel, problem } or { plan, inputs }");
  }
  checkNames("measure", subject, ["plan", "inputs", "scalars"]);
  const { plan, inputs, scalars } = subject;
  await plan.run(inputs, scalars); // its buffers keep them
  const total = (field: "flops" | "bytes"): number =>
    plan.dispatches.reduce((sum, { cost }) => sum + cost[field], 0);
  return {
    dispatches: plan.dispatches.map(({ dispatch }) => dispatch),
    checked: false,
    flops: total("flops"),
    bytes: total("bytes"),
    destroy: () => {},
  };
}

/** GPU time of one run in milliseconds: the mean of `batch`, or of one after a flush. */
async function gpuTime(
  gpu: Gpu,
  dispatches: readonly PreparedDispatch[],
  batch: number,
  flush: CacheFlush | null,
): Promise<number> {
  await flush?.run();
  const runs = flush === null ? batch : 1;
  const [time_ms] = await soundPasses(gpu, [repeated(dispatches, runs)]);
  return time_ms / runs;
}

/** The same by the host's clock, from submit to end. */
async function hostTime(
  gpu: Gpu,
  dispatches: readonly PreparedDispatch[],
  batch: number,
  flush: CacheFlush | null,
): Promise<number> {
  await flush?.run();
  const runs = flush === null ? batch : 1;
  const encoder = gpu.device.createCommandEncoder({ label: "measure" });
  encodePass(encoder, "measure", repeated(dispatches, runs));
  const commands = encoder.finish();
  const started_ms = performance.now();
  gpu.device.queue.submit([commands]);
  await settled(gpu, gpu.device.queue.onSubmittedWorkDone());
  return (performance.now() - started_ms) / runs;
}

function repeated(dispatches: readonly PreparedDispatch[], count: number): PreparedDispatch[] {
  return Array.from({ length: count }, () => dispatches).flat();
}

function summary(
  timing: Timing,
  quantiles: readonly number[],
): Omit<Measured, "clock" | "checked" | "flops" | "bytes"> {
  const { median, low, high } = estimate(timing.samples_ms);
  const sorted = timing.samples_ms.toSorted((a, b) => a - b);
  return {
    median_ms: median,
    low_ms: low,
    high_ms: high,
    quantiles_ms: quantiles.map((share) => sorted[Math.round(share * (sorted.length - 1))]),
    ...timing,
  };
}
