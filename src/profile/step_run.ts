// Measures a step: by itself with and without stamps in turn, with a pass for each dispatch, and in
// its loop. Every kernel of it was checked before, and the store is put back after.
import type { Gpu } from "../gpu/device.ts";
import { passStamps, type PassStamps } from "../gpu/timestamps.ts";
import type { PlannedDispatch } from "../graph/plan.ts";
import { kernels } from "../kernels/kernels.ts";
import { hostClock, lookAtClocks, type HostClock } from "./clock_sync.ts";
import { checkKernel } from "./problems.ts";
import { runLoop, runStep, type ProfiledStep, type StepMarks } from "./step_marks.ts";
import { median } from "./statistics.ts";

/** A step measured: all its marks, in the order they were taken. */
export interface StepRun {
  /** By itself, without stamps. */
  readonly plain: readonly StepMarks[];
  /** By itself, its one pass stamped. */
  readonly stamped: readonly StepMarks[];
  /** By itself, a stamped pass for each dispatch. */
  readonly split: readonly StepMarks[];
  /** In the loop, one stamped pass each. */
  readonly loop: readonly StepMarks[];
  readonly clock: HostClock;
  /** Time to prepare a step whose data was never read before. */
  readonly first_read_ms: number;
}

const WARM_UP = 2;
const SPLIT = 5;
const LEAST_LOOP = 8;
// Drift is of thirds of two steps at least.
const LEAST_STEPS = 6;
const MOST_STEPS = 60;
const TIME_MS = 8000;

/**
 * What the kernels of a plan get wrong on their own cases, each kernel once; empty where all are
 * right.
 */
export async function wrongKernels(
  gpu: Gpu,
  dispatches: readonly PlannedDispatch[],
  progress: (line: string) => void,
): Promise<string[]> {
  const names = [...new Set(dispatches.map(({ kernel }) => kernel))];
  const errors: string[] = [];
  for (const [i, name] of names.entries()) {
    progress(`checking kernel ${i + 1}/${names.length}: ${name}`);
    const found = kernels.find(({ shader }) => shader.name === name);
    const error = found === undefined ? `${name}: no such kernel` : await checkKernel(gpu, found);
    if (error !== "") errors.push(error);
  }
  return errors;
}

/** Measures a step; `steps` by itself, left out as many as a few seconds hold. */
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
    const end_ms = performance.now() + TIME_MS;
    const [least, most] = [steps ?? LEAST_STEPS, steps ?? MOST_STEPS];
    while (plain.length < least || (plain.length < most && performance.now() < end_ms)) {
      const index = plain.length;
      progress(`step ${index + 1}${steps === undefined ? "" : `/${steps}`}`);
      // In turn, so that drift meets both alike; the inputs are the same.
      const withStamps = async (): Promise<number> => stamped.push(await run(index, one));
      if (index % 2 === 1) await withStamps();
      plain.push(await run(index, null));
      if (index % 2 === 0) await withStamps();
    }
    for (let i = 0; i < SPLIT; i++) {
      progress(`a pass for each dispatch ${i + 1}/${SPLIT}`);
      split.push(await run(i, each));
    }
    progress("the loop");
    const loop = await runLoop(gpu, step, Math.max(LEAST_LOOP, Math.min(plain.length, MOST_STEPS)));
    const clock = hostClock(clockBefore, await lookAtClocks(gpu));
    return { plain, stamped, split, loop, clock, first_read_ms };
  } finally {
    one.destroy();
    each.destroy();
    step.store.write(before);
  }
}

/** Prepares every moment once, so that later all are in memory; the median of the times. */
async function firstRead_ms(step: ProfiledStep): Promise<number> {
  const times_ms: number[] = [];
  for (let i = 0; i < step.moments; i++) {
    const begin_ms = performance.now();
    await step.prepare(i);
    times_ms.push(performance.now() - begin_ms);
  }
  return median(times_ms);
}
