// The cost of two safeguards of the GPU layer: bounds checks in the shader, as GPU time, and
// validation of calls, as CPU time. Each is measured interleaved with a second device without it.
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { batchFor, timeHot } from "./clock.ts";
import type { Bench, Prepared } from "./measure.ts";
import type { Subject } from "./run_profile.ts";
import { comparePairs, median, type Estimate } from "./statistics.ts";

/** Dawn's toggles that remove the safeguards. */
export const WITHOUT = {
  robustness: "disable_robustness",
  validation: "skip_validation",
} as const;

/** Devices without a safeguard; null if its cost was not requested. */
export interface BareDevices {
  readonly robustness: Gpu | null;
  readonly validation: Gpu | null;
}

/** GPU time of a dispatch with and without bounds checks. */
export interface BoundsChecksCost {
  readonly with_us: number;
  readonly without_us: number;
  /** Time with them divided by time without, minus 1. */
  readonly cost: Estimate;
  readonly pairs: number;
}

/**
 * CPU time to encode and submit a dispatch with and without validation: the minimum of many,
 * because other work on the machine can only add time.
 */
export interface ValidationCost {
  readonly with_us: number;
  readonly without_us: number;
  readonly pairs: number;
}

/** The costs of one row; `error` if the kernel is wrong without bounds checks. */
export interface RowCosts {
  readonly robustness: BoundsChecksCost | null;
  readonly validation: ValidationCost | null;
  readonly error: string;
}

// As many pairs as a verdict needs if they are short, otherwise as many as fit the time.
const PAIRS = 100;
const LEAST_PAIRS = 5;
const TIMEOUT_S = 3;
// Encoded together: enough that the submit weighs little, few enough that the GPU keeps up.
const DISPATCHES = 200;

/** Measures the safeguards' cost to a kernel that was found correct with them. */
export async function measureCosts(
  bench: Pick<Bench, "gpu" | "quantum_ns">,
  { robustness, validation }: BareDevices,
  subject: Subject,
): Promise<RowCosts> {
  const checked = robustness === null ? null : await subject.check(robustness);
  const error = checked?.error ?? "";
  const base = await subject.prepare(bench.gpu);
  try {
    return {
      robustness:
        robustness === null || error !== ""
          ? null
          : await boundsChecksCost(bench, base, robustness, subject),
      validation:
        validation === null ? null : await validationCost(bench.gpu, base, validation, subject),
      error: error === "" ? "" : `without bounds checks: ${error}`,
    };
  } finally {
    base.destroy();
  }
}

async function boundsChecksCost(
  { gpu, quantum_ns }: Pick<Bench, "gpu" | "quantum_ns">,
  base: Prepared,
  bare: Gpu,
  subject: Subject,
): Promise<BoundsChecksCost> {
  const without = await subject.prepare(bare);
  try {
    await timeHot(gpu, base, 1); // compiles
    const batch = batchFor(await timeHot(gpu, base, 1), quantum_ns);
    const { first, second } = await inTurn(
      async () => 1000 * (await timeHot(bare, without, batch)),
      async () => 1000 * (await timeHot(gpu, base, batch)),
    );
    const cost = comparePairs(first, second, 0).change;
    return { with_us: median(second), without_us: median(first), cost, pairs: first.length };
  } finally {
    without.destroy();
  }
}

async function validationCost(
  gpu: Gpu,
  base: Prepared,
  bare: Gpu,
  subject: Subject,
): Promise<ValidationCost> {
  const without = await subject.prepare(bare);
  try {
    const { first, second } = await inTurn(
      async () => await encodeTime_us(bare, without.dispatch),
      async () => await encodeTime_us(gpu, base.dispatch),
    );
    const [without_us, with_us] = [first, second].map((times) => Math.min(...times));
    return { with_us, without_us, pairs: first.length };
  } finally {
    without.destroy();
  }
}

/** Takes interleaved times of two; the first of each pair is the second of the next. */
async function inTurn(
  ...timers: readonly [() => Promise<number>, () => Promise<number>]
): Promise<{ readonly first: readonly number[]; readonly second: readonly number[] }> {
  for (const time of timers) await time(); // compiles
  const times: [number[], number[]] = [[], []];
  const end = performance.now() + 1000 * TIMEOUT_S;
  for (let i = 0; i < PAIRS && (i < LEAST_PAIRS || performance.now() < end); i++) {
    for (const j of i % 2 === 0 ? [0, 1] : [1, 0]) times[j].push(await timers[j]());
  }
  return { first: times[0], second: times[1] };
}

/** CPU time to encode and submit one dispatch among many, in microseconds. */
async function encodeTime_us({ device, check }: Gpu, dispatch: PreparedDispatch): Promise<number> {
  // Validation does not depend on the number of workgroups, and one is fastest.
  const one: PreparedDispatch = { ...dispatch, grid: [1, 1, 1] };
  const dispatches = Array.from({ length: DISPATCHES }, () => one);
  const started = performance.now();
  const encoder = device.createCommandEncoder({ label: "encode" });
  encodePass(encoder, "encode", dispatches);
  device.queue.submit([encoder.finish()]);
  const time_us = (1000 * (performance.now() - started)) / DISPATCHES;
  await device.queue.onSubmittedWorkDone();
  check();
  return time_us;
}
