// GPU time of dispatches: one compute pass each with a timestamp at either end (WebGPU has none per
// dispatch).
import { createBuffer } from "./buffers.ts";
import type { Gpu } from "./device.ts";
import { encodePass, type PreparedDispatch } from "./encode.ts";
import { NoAdapterError } from "./errors.ts";

const MAX_PASSES = 2048; // a query set holds at most 4096 stamps
const STAMP_BYTES = 8;

/** Whether the adapter can tell GPU time. */
export function hasTimestamps(gpu: Gpu): boolean {
  return gpu.facts.features.has("timestamp-query");
}

/**
 * Runs each group of dispatches in a pass of its own and returns the GPU time of each, in
 * milliseconds. Throws NoAdapterError where the adapter has no timestamps.
 */
export async function timePasses(
  gpu: Gpu,
  groups: readonly (readonly PreparedDispatch[])[],
): Promise<number[]> {
  if (!hasTimestamps(gpu)) {
    throw new NoAdapterError(`${gpu.facts.name} has no GPU clock (timestamp-query); try --adapter`);
  }
  const times_ms: number[] = [];
  for (let start = 0; start < groups.length; start += MAX_PASSES) {
    times_ms.push(...(await timeChunk(gpu, groups.slice(start, start + MAX_PASSES))));
  }
  return times_ms;
}

async function timeChunk(
  gpu: Gpu,
  groups: readonly (readonly PreparedDispatch[])[],
): Promise<number[]> {
  const { device } = gpu;
  const count = 2 * groups.length;
  const bytes = STAMP_BYTES * count;
  const querySet = device.createQuerySet({ type: "timestamp", count });
  const resolved = createBuffer(gpu, "timestamps", bytes, 0x200 | 0x04); // QUERY_RESOLVE | COPY_SRC
  const staging = createBuffer(gpu, "timestamps staging", bytes, 0x01 | 0x08); // MAP_READ | COPY_DST
  try {
    const encoder = device.createCommandEncoder({ label: "timed" });
    groups.forEach((dispatches, i) => {
      const [beginningOfPassWriteIndex, endOfPassWriteIndex] = [2 * i, 2 * i + 1];
      encodePass(encoder, "timed", dispatches, {
        querySet,
        beginningOfPassWriteIndex,
        endOfPassWriteIndex,
      });
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved.buffer, 0);
    encoder.copyBufferToBuffer(resolved.buffer, 0, staging.buffer, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await staging.buffer.mapAsync(0x01, 0, bytes); // GPUMapMode.READ
    const stamps = new BigUint64Array(staging.buffer.getMappedRange(0, bytes).slice(0));
    gpu.check();
    return groups.map((_, i) => Number(stamps[2 * i + 1] - stamps[2 * i]) / 1e6);
  } finally {
    staging.destroy();
    resolved.destroy();
    querySet.destroy();
  }
}

/**
 * The step of the GPU's clock as it shows: the greatest common divisor of the times of empty
 * passes, in nanoseconds. 0 where all of them take no time.
 */
export async function timerQuantum_ns(gpu: Gpu): Promise<number> {
  const times_ms = await timePasses(
    gpu,
    Array.from({ length: 256 }, () => []),
  );
  return times_ms.map((time_ms) => Math.round(time_ms * 1e6)).reduce(greatestCommonDivisor, 0);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
