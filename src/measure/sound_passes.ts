// Trustworthy GPU times of passes: clocks of real adapters sometimes run backwards between the two
// timestamps of a pass, or leave one unwritten.
import type { Gpu } from "../gpu/device.ts";
import type { PreparedDispatch } from "../gpu/encode.ts";
import { NoAdapterError } from "../gpu/errors.ts";
import { timePasses } from "../gpu/timestamps.ts";

/** The GPU's clock could not measure a time. */
export class ClockError extends NoAdapterError {
  override name = "ClockError";
}

const TRIES = 8;
// A timestamp beyond the time passed on the host, which also submits and waits, is wrong.
const MOST_OVER = 1.5;
const SLACK_MS = 5;

/** Repeats `work` until `isSound` accepts its measurement; throws ClockError if it never does. */
export async function untilSound<T>(
  work: () => Promise<T>,
  isSound: (found: T) => boolean,
): Promise<T> {
  for (let turn = 0; turn < TRIES; turn++) {
    const found = await work();
    if (isSound(found)) return found;
  }
  throw new ClockError(
    `the GPU's clock ran backwards in each of ${TRIES} tries; its times cannot be trusted`,
  );
}

/**
 * As `timePasses`: the time of each group in milliseconds. Measures again if a time is negative,
 * not finite, longer than the host's clock says, or 0 for a group that does something; a clock
 * whose step is longer than the work may still give 0. Throws ClockError if other faults remain.
 */
export async function soundPasses(
  gpu: Gpu,
  groups: readonly (readonly PreparedDispatch[])[],
  measure: typeof timePasses = timePasses,
): Promise<number[]> {
  let times_ms: number[] = [];
  for (let turn = 0; turn < TRIES; turn++) {
    const started_ms = performance.now();
    times_ms = await measure(gpu, groups);
    const most_ms = MOST_OVER * (performance.now() - started_ms) + SLACK_MS;
    const isSound = times_ms.every(
      (time_ms, i) =>
        time_ms <= most_ms && (time_ms > 0 || (time_ms === 0 && groups[i].length === 0)),
    );
    if (isSound) return times_ms;
  }
  const wrong = times_ms.find((time_ms) => !(time_ms >= 0 && time_ms < Infinity));
  if (wrong === undefined) return times_ms;
  throw new ClockError(
    `${gpu.facts.name}: its clock reported ${wrong} ms for a pass, and no possible time in ` +
      `${TRIES} tries; its times cannot be trusted`,
  );
}
