// The clock of the profiler: GPU time of one dispatch, of many in one pass, or of one after the
// caches were flushed. Knows nothing of statistics.
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { ceilingCopy } from "../kernels/ceiling.ts";
import { prepareKernel, type PreparedKernel } from "../engine/run.ts";
import { soundPasses } from "./sound_passes.ts";

const MOST_BATCHED = 1000;

/** A time shorter than this many clock steps is not measurable. */
export const TRUSTED_QUANTA = 20;

// Well beyond the last-level caches of today's adapters, including software adapters.
const FLUSHED_BYTES = 128 * 2 ** 20;

/** Evicts the previous content of the adapter's caches. */
export interface CacheFlush {
  readonly run: () => Promise<void>;
  readonly destroy: () => void;
}

/** Prepares a flush: a copy between two buffers that together are larger than any cache. */
export async function prepareFlush(gpu: Gpu): Promise<CacheFlush> {
  const x = new Float32Array(FLUSHED_BYTES / 8).fill(1);
  const copy = await prepareKernel(gpu, ceilingCopy, { x }, { x: [x.length] }, { runs: false });
  return {
    run: async () => {
      const encoder = gpu.device.createCommandEncoder({ label: "cache flush" });
      encodePass(encoder, "cache flush", [copy.dispatch]);
      gpu.device.queue.submit([encoder.finish()]);
      // Passes that share no buffer may overlap, so the timed pass must depend on the flush.
      await gpu.settled(gpu.device.queue.onSubmittedWorkDone());
    },
    destroy: copy.destroy,
  };
}

/** GPU time of one dispatch in milliseconds, as the mean of `batch` of them in one pass. */
export async function timeHot(
  gpu: Gpu,
  { dispatch }: Pick<PreparedKernel, "dispatch">,
  batch: number,
): Promise<number> {
  const [time_ms] = await soundPasses(gpu, [repeated(dispatch, batch)]);
  return time_ms / batch;
}

/** GPU time of one dispatch in milliseconds, after the caches were flushed. */
export async function timeCold(
  gpu: Gpu,
  { dispatch }: Pick<PreparedKernel, "dispatch">,
  flush: CacheFlush,
): Promise<number> {
  await flush.run();
  const [time_ms] = await soundPasses(gpu, [[dispatch]]);
  return time_ms;
}

/**
 * The number of dispatches that make one measurable time: 1 if a single dispatch is long enough.
 */
export function batchFor(time_ms: number, quantum_ns: number): number {
  const least_ms = (TRUSTED_QUANTA * quantum_ns) / 1e6;
  if (time_ms >= least_ms) return 1;
  return Math.min(MOST_BATCHED, Math.ceil(least_ms / time_ms));
}

function repeated(dispatch: PreparedDispatch, count: number): PreparedDispatch[] {
  return Array.from({ length: count }, () => dispatch);
}
