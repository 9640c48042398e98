// Measures a step: alone without timestamps, with them and with one pass per dispatch, interleaved,
// then in its loop. Restores the store afterwards.
import type { Gpu } from "../../gpu/device.ts";
import { passStamps, type PassStamps } from "../../gpu/timestamps.ts";
import type { PlannedDispatch } from "../../graph/prepare.ts";
import { hostClock, lookAtClocks, type HostClock } from "./clock_sync.ts";
import { checkKernel } from "../../measure/problems.ts";
import { length_ms, runLoop, runStep, type ProfiledStep, type StepMarks } from "./marks.ts";
import { estimate, median, relativeNoise } from "../../measure/statistics.ts";

/** A measured step: the marks of all its runs. */
export interface StepRun {
  /** Alone, without timestamps. */
  readonly plain: readonly StepMarks[];
  /** Alone, with timestamps on its one pass. */
  readonly stamped: readonly StepMarks[];
  /** Alone, one pass with timestamps per dispatch. */
  readonly split: readonly StepMarks[];
  /**
   * Repeated for a picture, with timestamps and back to back, the last with one pass per dispatch.
   */
  readonly shown: readonly StepMarks[];
  /** In the loop, one pass with timestamps each. */
  readonly loop: readonly StepMarks[];
  readonly clock: HostClock;
  /** Time to prepare a step whose data was never read before. */
  readonly first_read_ms: number;
}

const WARM_UP = 2;
const LEAST_LOOP = 8;
// Drift compares thirds, each of at least two steps.
const LEAST_STEPS = 6;
const MOST_STEPS = 200;
// The measuring time; longer if the steps with and without timestamps are not yet comparable.
const LEAST_MS = 8000;
const MOST_MS = 30_000;
const NOISE = 0.015;

/**
 * The faults of a plan's kernels on their own cases, each mapping once; empty if all are correct.
 */
export async function wrongKernels(
  gpu: Gpu,
  dispatches: readonly Pick<PlannedDispatch, "call">[],
  progress: (line: string) => void,
): Promise<string[]> {
  const used = [...new Set(dispatches.map(({ call }) => call.kernel))];
  const errors: string[] = [];
  for (const [i, kernel] of used.entries()) {
    progress(`checking kernel ${i + 1}/${used.length}: ${kernel.shader.name}`);
    const error = await checkKernel(gpu, kernel);
    if (error !== "") errors.push(error);
  }
  return errors;
}

/** Measures a step; `steps` is the number run alone, by default as many as fit a few seconds. */
export async function measureStep(
  gpu: Gpu,
  step: ProfiledStep,
  steps: number | undefined,
  progress: (line: string) => void,
): Promise<StepRun> {
  const before = await step.store.read();
  const one = passStamps(gpu, 1);
  const each = passStamps(gpu, step.plan.dispatches.length);
  const run = async (index: number, stamps: PassStamps | null): Promise<StepMarks> =>
    await runStep(gpu, step, index % step.moments, stamps);
  try {
    progress("warming up");
    const first_read_ms = await firstRead_ms(step);
    // Pipelines compile at their first dispatch, whatever the inputs.
    for (let i = 0; i < WARM_UP; i++) for (const stamps of [one, each]) await run(i, stamps);
    const clockBefore = await lookAtClocks(gpu);
    const [plain, stamped, split]: StepMarks[][] = [[], [], []];
    const kinds = [
      { marks: plain, stamps: null },
      { marks: stamped, stamps: one },
      { marks: split, stamps: each },
    ];
    const begin_ms = performance.now();
    while (wantsMore({ plain, stamped }, steps, performance.now() - begin_ms)) {
      const index = plain.length;
      progress(`step ${index + 1}${steps === undefined ? "" : `/${steps}`}`);
      // Interleaved and on the same inputs, so that drift affects all equally.
      for (let turn = 0; turn < kinds.length; turn++) {
        const { marks, stamps } = kinds[(index + turn) % kinds.length];
        marks.push(await run(index, stamps));
      }
    }
    progress("the loop");
    const shown: StepMarks[] = [];
    for (const stamps of [one, one, one, each]) shown.push(await run(shown.length, stamps));
    const loop = await runLoop(gpu, step, Math.max(LEAST_LOOP, plain.length));
    const clock = hostClock(clockBefore, await lookAtClocks(gpu));
    return { plain, stamped, split, shown, loop, clock, first_read_ms };
  } finally {
    one.destroy();
    each.destroy();
    step.store.write(before);
  }
}

/** Whether more measured steps are needed. */
function wantsMore(
  { plain, stamped }: Pick<StepRun, "plain" | "stamped">,
  steps: number | undefined,
  elapsed_ms: number,
): boolean {
  const count = plain.length;
  if (steps !== undefined || count < LEAST_STEPS) return count < (steps ?? LEAST_STEPS);
  if (count >= MOST_STEPS || elapsed_ms > MOST_MS) return false;
  const ratios = plain.map((marks, i) => length_ms(stamped[i]) / length_ms(marks));
  return elapsed_ms < LEAST_MS || relativeNoise(estimate(ratios)) > NOISE;
}

/** Prepares every moment once, so that all are in memory afterwards; the median of the times. */
async function firstRead_ms(step: ProfiledStep): Promise<number> {
  const times_ms: number[] = [];
  for (let i = 0; i < step.moments; i++) {
    const begin_ms = performance.now();
    await step.prepare(i);
    times_ms.push(performance.now() - begin_ms);
  }
  return median(times_ms);
}
