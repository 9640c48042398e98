// GPU times of passes that can be believed: clocks of real adapters now and then run backwards
// between the two stamps of a pass, or leave one unwritten.
import type { Gpu } from "../gpu/device.ts";
import type { PreparedDispatch } from "../gpu/encode.ts";
import { NoAdapterError } from "../gpu/errors.ts";
import { timePasses } from "../gpu/timestamps.ts";

/** The GPU's clock does not tell what was to be timed. */
export class ClockError extends NoAdapterError {
  override name = "ClockError";
}

const TRIES = 8;
// Beyond the time that went by on the host, which also submits and waits, a stamp is wrong.
const MOST_OVER = 1.5;
const SLACK_MS = 5;

/**
 * Does `work` again until `isSound` of what it measured; throws ClockError where it never is.
 */
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
 * As `timePasses`: the time of each group in milliseconds. Measures again where a time is negative,
 * not finite, longer than it took by the host's clock, or 0 of a group that does something; a clock
 * whose step is longer than the work may tell 0 to the last. Throws ClockError where others stay.
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
    `${gpu.facts.name}: its clock told ${wrong} ms for a pass, and not once in ${TRIES} tries a time ` +
      `that can be; its times cannot be trusted`,
  );
}
