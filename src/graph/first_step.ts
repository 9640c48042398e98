// The first step on an adapter that compiles a pipeline at its first dispatch, as lavapipe does: a
// minute may pass in it, so it is submitted in parts that end where a pipeline has run for the first
// time. The numbers are the same.
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { firstRunWatch } from "../gpu/pipelines.ts";

/**
 * Submits all but the last part of a step if somebody watches the pipelines of a software adapter,
 * who is told of each part that is done. Returns the dispatches that are left to submit.
 */
export function submitFirst(
  gpu: Gpu,
  dispatches: readonly PreparedDispatch[],
): readonly PreparedDispatch[] {
  const watch = gpu.facts.software ? firstRunWatch(gpu) : null;
  if (watch === null) return dispatches;
  const ends = firstUses(dispatches);
  let start = 0;
  ends.slice(0, -1).forEach((end, i) => {
    const encoder = gpu.device.createCommandEncoder({ label: "part of the first step" });
    encodePass(encoder, "part of the first step", dispatches.slice(start, end));
    gpu.device.queue.submit([encoder.finish()]);
    const done = gpu.unlessLost(gpu.device.queue.onSubmittedWorkDone());
    // A lost device is reported where the outputs are read.
    done.then(() => watch(i + 1, ends.length)).catch(() => {});
    start = end;
  });
  return dispatches.slice(start);
}

/** For each pipeline, in order, the number of dispatches up to its first one. */
function firstUses(dispatches: readonly PreparedDispatch[]): number[] {
  const seen = new Set<PreparedDispatch["pipeline"]>();
  return dispatches.flatMap(({ pipeline }, i) => {
    if (seen.has(pipeline)) return [];
    seen.add(pipeline);
    return [i + 1];
  });
}
