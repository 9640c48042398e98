// The account of a step: what its marks say of where the wall time goes, and whether it closes.
// Pure.
import { NoAdapterError } from "../gpu/errors.ts";
import { passTime_ms, type PassTime } from "../gpu/timestamps.ts";
import type { PlannedDispatch } from "../graph/plan.ts";
import type { Ceilings } from "./ceilings.ts";
import { TRUSTED_QUANTA } from "./clock.ts";
import type { HostClock } from "./clock_sync.ts";
import { kernelTotals, type KernelTotal } from "./kernel_totals.ts";
import { roofline, type Roofline } from "./roofline.ts";
import { drift, estimate, median, type Estimate } from "./statistics.ts";
import type { ProfiledStep, Span, StepMarks } from "./step_marks.ts";
import type { StepRun } from "./step_run.ts";

/** One kernel in the account of a step. */
export interface StepKernel extends KernelTotal {
  /** Of the times of all kernels. */
  readonly share: number;
  /** Of the mean dispatch; null without ceilings, and where that is too short for the clock. */
  readonly roofline: Roofline | null;
}

/** Where the wall time of one step goes; times in milliseconds are medians over the steps. */
export interface StepAccount {
  readonly target: "step:train" | "step:predict";
  /** Student, data, size and number of dispatches. */
  readonly what: string;
  /** Steps measured. */
  readonly steps: number;
  /** Wall time of a step by itself, nothing overlapped and nothing stamped, with its interval. */
  readonly wall: Estimate;
  /** In the order of the step: host, upload, encode, launch, gpu, read back, then unaccounted. */
  readonly parts: readonly {
    readonly name: string;
    readonly time_ms: number;
    readonly share: number;
  }[];
  /**
   * Share of the wall time that no part holds. The parts are of other steps than the wall time,
   * taken in turn with them: it is negative where the stamps cost time.
   */
  readonly unaccounted: number;
  /** GPU time by kernel: passes of their own, largest first; shares are of their sum. */
  readonly kernels: readonly StepKernel[];
  /** Sum of the passes of their own by the one pass of the account, less 1. */
  readonly instrumentation: number;
  /** Time from submit to the numbers with the one pass stamped by that without stamps, less 1. */
  readonly stamps: number;
  /** A step of the loop as it runs (training prepares the next batch while the GPU works), ms. */
  readonly overlapped: Estimate;
  /** Share of the time of the loop in which the GPU works. */
  readonly gpu_busy: number;
  /** What the loop waits for. */
  readonly bound: "GPU" | "CPU";
  readonly drift: number;
  /** How far a time of the GPU may be off on the host's clock: between launch and read back. */
  readonly clock_uncertainty_ms: number;
  /** Time to prepare a step whose data was never read before; in `host` it is in memory. */
  readonly first_read_ms: number;
}

// The loop waits for the GPU where that works for so much of the time.
const BUSY = 0.9;

/** Draws up the account of a measured step; throws NoAdapterError where the clocks disagree. */
export function stepAccount(
  { target, what, plan }: Pick<ProfiledStep, "target" | "what" | "plan">,
  run: StepRun,
  quantum_ns: number,
  ceilings: Ceilings | null,
): StepAccount {
  const { plain, stamped, split, loop, clock } = run;
  const wall = estimate(plain.map(length_ms));
  const parts = partMedians(stamped, clock);
  const known_ms = parts.reduce((sum, { time_ms }) => sum + time_ms, 0);
  parts.push({ name: "unaccounted", time_ms: wall.median - known_ms });
  const gpu_ms = median(stamped.map(({ passes }) => passTime_ms(passes[0])));
  const times_ms = plan.dispatches.map((_, i) =>
    median(split.map(({ passes }) => passTime_ms(passes[i]))),
  );
  const own_ms = times_ms.reduce((sum, time_ms) => sum + time_ms, 0);
  const passes = loop.map((marks) => marks.passes[0]);
  const gpu_busy = busyShare(passes);
  return {
    target,
    what: `${what}, ${plan.dispatches.length} dispatches`,
    steps: plain.length,
    wall,
    parts: parts.map((part) => ({ ...part, share: part.time_ms / wall.median })),
    unaccounted: 1 - known_ms / wall.median,
    kernels: stepKernels(plan.dispatches, times_ms, quantum_ns, ceilings),
    instrumentation: own_ms / gpu_ms - 1,
    stamps: median(stamped.map(answer_ms)) / median(plain.map(answer_ms)) - 1,
    overlapped: estimate(periods_ms(passes)),
    gpu_busy,
    bound: gpu_busy >= BUSY ? "GPU" : "CPU",
    drift: drift(plain.map(length_ms)),
    clock_uncertainty_ms: clock.uncertainty_ms,
    first_read_ms: run.first_read_ms,
  };
}

/** A part of a step and its median time. */
interface Part {
  readonly name: string;
  readonly time_ms: number;
}

/** The median of each part, by its own marks. */
function partMedians(steps: readonly StepMarks[], clock: HostClock): Part[] {
  const part = (name: string, time: (marks: StepMarks) => number): Part => ({
    name,
    time_ms: median(steps.map(time)),
  });
  const launch = part(
    "launch",
    ({ parts: { submit }, passes: [pass] }) => clock.at_ms(pass.begin_ns) - submit.begin_ms,
  );
  const readBack = part(
    "read back",
    ({ parts: { read }, passes: [pass] }) => read.end_ms - clock.at_ms(pass.end_ns),
  );
  const early = [launch, readBack].find(({ time_ms }) => time_ms < -clock.uncertainty_ms);
  if (early !== undefined) {
    throw new NoAdapterError(
      `${early.name} takes ${early.time_ms.toFixed(3)} ms by the GPU's clock: its times cannot be trusted`,
    );
  }
  return [
    part("host", ({ parts: { prepare, collect } }) => length_ms(prepare) + length_ms(collect)),
    part("upload", ({ parts: { upload } }) => length_ms(upload)),
    part("encode", ({ parts: { encode } }) => length_ms(encode)),
    launch,
    part("gpu", ({ passes: [pass] }) => passTime_ms(pass)),
    readBack,
  ];
}

function stepKernels(
  dispatches: readonly PlannedDispatch[],
  times_ms: readonly number[],
  quantum_ns: number,
  ceilings: Ceilings | null,
): StepKernel[] {
  const totals = kernelTotals(dispatches, times_ms);
  const all_ms = totals.reduce((sum, { time_ms }) => sum + time_ms, 0);
  const least_ms = (TRUSTED_QUANTA * quantum_ns) / 1e6;
  return totals.map((total) => {
    const count = total.dispatches;
    const mean = { flops: total.flops / count, bytes: total.bytes / count };
    const mean_ms = total.time_ms / count;
    const told = ceilings !== null && mean_ms >= least_ms;
    return {
      ...total,
      share: total.time_ms / all_ms,
      roofline: told ? roofline(mean, mean_ms, ceilings, false) : null,
    };
  });
}

/** From the end of each pass to that of the next. */
function periods_ms(passes: readonly PassTime[]): number[] {
  return passes.slice(1).map(({ end_ns }, i) => Number(end_ns - passes[i].end_ns) / 1e6);
}

function busyShare(passes: readonly PassTime[]): number {
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return sum(passes.slice(1).map(passTime_ms)) / sum(periods_ms(passes));
}

/** From submit until the numbers are here. */
function answer_ms({ parts: { submit, read } }: StepMarks): number {
  return read.end_ms - submit.begin_ms;
}

function length_ms({ begin_ms, end_ms }: Span): number {
  return end_ms - begin_ms;
}
