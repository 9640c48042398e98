// The account of a step: from its marks, the parts of its wall time, and whether they add up. Pure.
import { NoAdapterError } from "../../gpu/errors.ts";
import { passTime_ms, type PassTime } from "../../gpu/timestamps.ts";
import type { PlannedDispatch } from "../../graph/prepare.ts";
import type { Ceilings } from "../../measure/ceilings.ts";
import { TRUSTED_QUANTA } from "../../measure/clock.ts";
import type { HostClock } from "./clock_sync.ts";
import { kernelTotals, type KernelTotal } from "../../measure/kernel_totals.ts";
import { roofline, type Roofline } from "../../measure/roofline.ts";
import { drift, estimate, median, type Estimate, type Interval } from "../../measure/statistics.ts";
import { length_ms, type ProfiledStep, type StepMarks } from "./marks.ts";
import type { StepRun } from "./step_run.ts";

/** One kernel in the account of a step. */
export interface StepKernel extends KernelTotal {
  /** Share of the times of all kernels. */
  readonly share: number;
  /** For the mean dispatch; null without ceilings, or if it is too short for the clock. */
  readonly roofline: Roofline | null;
}

/** The parts of one step's wall time; times in milliseconds are medians unless stated otherwise. */
export interface StepAccount {
  readonly target: "step:train" | "step:predict";
  /** Student, data, size and number of dispatches. */
  readonly what: string;
  /** Number of steps measured. */
  readonly steps: number;
  /** Wall time of a single step, nothing overlapped, with its interval. */
  readonly wall: Estimate;
  /**
   * In the order of the step: host, upload, encode, launch, gpu, read back, then unaccounted. Means
   * over the half of the steps with the middle wall times, so that they add up to the whole.
   */
  readonly parts: readonly {
    readonly name: string;
    readonly time_ms: number;
    readonly share: number;
  }[];
  /** Share of the wall time of those steps outside all of their parts. */
  readonly unaccounted: number;
  /** The interval of that share, from step to step. */
  readonly unaccounted_interval: Interval;
  /** GPU time by kernel: passes of their own, largest first; shares are of their sum. */
  readonly kernels: readonly StepKernel[];
  /**
   * Sum of the separate passes divided by the account's one pass, minus 1; from interleaved steps.
   */
  readonly instrumentation: number;
  /**
   * Wall time with the account's two timestamps divided by that without, minus 1; from interleaved
   * steps.
   */
  readonly stamps: number;
  /** A step of the loop as it runs (training prepares the next batch while the GPU works), ms. */
  readonly overlapped: Estimate;
  /** Share of the loop's time in which the GPU works. */
  readonly gpu_busy: number;
  /** The resource that the loop waits for. */
  readonly bound: "GPU" | "CPU";
  readonly drift: number;
  /** Possible error of a GPU time on the host's clock: at launch and read back. */
  readonly clock_uncertainty_ms: number;
  /** Time to prepare a step whose data was never read before; in `host` it is in memory. */
  readonly first_read_ms: number;
}

// The loop waits for the GPU if the GPU works for this share of the time.
const BUSY = 0.9;
// An account that leaves more than this share open explains nothing.
const CLOSED = 0.05;

/**
 * Whether the parts explain the wall time of the step, to 5 %: the whole interval of the
 * unexplained share is within 5 %, or beyond it. AMBIGUOUS if the interval contains the bound.
 */
export function closure({
  unaccounted_interval: { low, high },
}: Pick<StepAccount, "unaccounted_interval">): "closed" | "open" | "AMBIGUOUS" {
  if (low > CLOSED || high < -CLOSED) return "open";
  return low >= -CLOSED && high <= CLOSED ? "closed" : "AMBIGUOUS";
}

/** Computes the account of a measured step; throws NoAdapterError if the clocks disagree. */
export function stepAccount(
  { target, what, plan }: Pick<ProfiledStep, "target" | "what" | "plan">,
  run: StepRun,
  quantum_ns: number,
  ceilings: Ceilings | null,
): StepAccount {
  const { plain, stamped, split, loop, clock } = run;
  const wall = estimate(stamped.map(length_ms));
  const middle = middleHalf(stamped);
  const accounts = middle.map((marks) => partTimes(marks, clock));
  const whole_ms = mean(middle.map(length_ms));
  const parts = PARTS.map((name) => {
    const time_ms = mean(accounts.map((times) => times[name]));
    return { name, time_ms, share: time_ms / whole_ms };
  });
  checkClock(parts, clock);
  const unaccounted = parts.at(-1)!.share;
  const shares = estimate(accounts.map((times, i) => times.unaccounted / length_ms(middle[i])));
  const times_ms = plan.dispatches.map((_, i) =>
    median(split.map((marks) => passTime_ms(marks.passes[i]))),
  );
  const passes = loop.map((marks) => marks.passes[0]);
  const gpu_busy = busyShare(passes);
  return {
    target,
    what: `${what}, ${plan.dispatches.length} dispatches`,
    steps: stamped.length,
    wall,
    parts,
    unaccounted,
    // The share is of means, the interval of medians: it holds both.
    unaccounted_interval: {
      low: Math.min(shares.low, unaccounted),
      high: Math.max(shares.high, unaccounted),
    },
    kernels: stepKernels(plan.dispatches, times_ms, quantum_ns, ceilings),
    instrumentation: median(split.map((marks, i) => gpu_ms(marks) / gpu_ms(stamped[i]))) - 1,
    stamps: median(stamped.map((marks, i) => length_ms(marks) / length_ms(plain[i]))) - 1,
    overlapped: estimate(periods_ms(passes)),
    gpu_busy,
    bound: gpu_busy >= BUSY ? "GPU" : "CPU",
    drift: drift(stamped.map(length_ms)),
    clock_uncertainty_ms: clock.uncertainty_ms,
    first_read_ms: run.first_read_ms,
  };
}

/** The half of the steps whose wall times are in the middle. */
function middleHalf(steps: readonly StepMarks[]): StepMarks[] {
  const cut = Math.floor(steps.length / 4);
  const sorted = steps.toSorted((a, b) => length_ms(a) - length_ms(b));
  return sorted.slice(cut, steps.length - cut);
}

// In the order of the step.
const PARTS = ["host", "upload", "encode", "launch", "gpu", "read back", "unaccounted"] as const;
type PartName = (typeof PARTS)[number];

/** The time of each part of one step, from its own marks, and the time outside all of them. */
function partTimes(marks: StepMarks, clock: HostClock): Record<PartName, number> {
  const { prepare, upload, encode, submit, read, collect } = marks.parts;
  const [pass] = marks.passes;
  const known = {
    host: length_ms(prepare) + length_ms(collect),
    upload: length_ms(upload),
    encode: length_ms(encode),
    launch: clock.at_ms(pass.begin_ns) - submit.begin_ms,
    gpu: passTime_ms(pass),
    "read back": read.end_ms - clock.at_ms(pass.end_ns),
  };
  return { ...known, unaccounted: length_ms(marks) - sum(Object.values(known)) };
}

/** Throws if the GPU seems to begin before its submit, or to end after its numbers arrived. */
function checkClock(
  parts: readonly { readonly name: PartName; readonly time_ms: number }[],
  { uncertainty_ms }: HostClock,
): void {
  const early = parts.find(
    ({ name, time_ms }) => (name === "launch" || name === "read back") && time_ms < -uncertainty_ms,
  );
  if (early === undefined) return;
  throw new NoAdapterError(
    `${early.name} takes ${early.time_ms.toFixed(3)} ms by the GPU's clock: its times cannot be trusted`,
  );
}

function stepKernels(
  dispatches: readonly PlannedDispatch[],
  times_ms: readonly number[],
  quantum_ns: number,
  ceilings: Ceilings | null,
): StepKernel[] {
  const totals = kernelTotals(dispatches, times_ms);
  const all_ms = sum(totals.map(({ time_ms }) => time_ms));
  const least_ms = (TRUSTED_QUANTA * quantum_ns) / 1e6;
  return totals.map((total) => {
    const count = total.dispatches;
    const each = { flops: total.flops / count, bytes: total.bytes / count };
    const mean_ms = total.time_ms / count;
    const told = ceilings !== null && mean_ms >= least_ms;
    return {
      ...total,
      share: total.time_ms / all_ms,
      roofline: told ? roofline(each, mean_ms, ceilings, false) : null,
    };
  });
}

/** From the end of each pass to that of the next. */
function periods_ms(passes: readonly PassTime[]): number[] {
  return passes.slice(1).map(({ end_ns }, i) => Number(end_ns - passes[i].end_ns) / 1e6);
}

function busyShare(passes: readonly PassTime[]): number {
  return sum(passes.slice(1).map(passTime_ms)) / sum(periods_ms(passes));
}

/** Time of all passes of a step. */
function gpu_ms({ passes }: StepMarks): number {
  return sum(passes.map(passTime_ms));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
