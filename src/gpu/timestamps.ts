// GPU time of dispatches: one compute pass each, with a timestamp at either end (WebGPU has no
// timestamps per dispatch).
import { createBuffer } from "./buffers.ts";
import type { Gpu } from "./device.ts";
import { encodePass, type PreparedDispatch } from "./encode.ts";
import { NoAdapterError } from "./errors.ts";
import type { GPUCommandEncoder, GPUComputePassTimestampWrites } from "./webgpu_types.ts";

const PASSES_OF_A_SET = 2048; // a query set holds at most 4096 timestamps
const STAMP_BYTES = 8;

/** When a pass began and ended on the GPU's own clock, in nanoseconds. */
export interface PassTime {
  readonly begin_ns: bigint;
  readonly end_ns: bigint;
}

/** Timestamps at either end of each pass of one command buffer. */
export interface PassStamps {
  readonly passes: number;
  /** The timestamp entry of a pass descriptor; passes count from 0. */
  readonly writes: (pass: number) => GPUComputePassTimestampWrites;
  /** Adds the copy of the timestamps to the encoder, after the last pass. */
  readonly resolve: (encoder: GPUCommandEncoder) => void;
  /** Reads the timestamps once the commands are submitted. */
  readonly read: () => Promise<PassTime[]>;
  readonly destroy: () => void;
}

/** Whether the adapter can measure GPU time. */
export function hasTimestamps(gpu: Gpu): boolean {
  return gpu.facts.features.has("timestamp-query");
}

/**
 * Creates the timestamps of `passes` passes, reusable for one submit after another. Throws
 * NoAdapterError if the adapter has no timestamps.
 */
export function passStamps(gpu: Gpu, passes: number): PassStamps {
  if (!hasTimestamps(gpu)) {
    throw new NoAdapterError(
      `${gpu.facts.name} has no GPU clock (timestamp-query); choose another adapter with --adapter`,
    );
  }
  const bytes = 2 * STAMP_BYTES * passes;
  const sets: { readonly querySet: GPUQuerySet; readonly count: number }[] = [];
  for (let first = 0; first < passes; first += PASSES_OF_A_SET) {
    const count = 2 * Math.min(PASSES_OF_A_SET, passes - first);
    sets.push({ querySet: gpu.device.createQuerySet({ type: "timestamp", count }), count });
  }
  const resolved = createBuffer(gpu, "timestamps", bytes, 0x200 | 0x04); // QUERY_RESOLVE | COPY_SRC
  const staging = createBuffer(gpu, "timestamps staging", bytes, 0x01 | 0x08); // MAP_READ | COPY_DST
  return {
    passes,
    writes: (pass) => {
      const { querySet } = sets[Math.floor(pass / PASSES_OF_A_SET)];
      const index = 2 * (pass % PASSES_OF_A_SET);
      return { querySet, beginningOfPassWriteIndex: index, endOfPassWriteIndex: index + 1 };
    },
    resolve: (encoder) => {
      sets.forEach(({ querySet, count }, i) => {
        const offset_bytes = 2 * STAMP_BYTES * PASSES_OF_A_SET * i;
        encoder.resolveQuerySet(querySet, 0, count, resolved.buffer, offset_bytes);
      });
      encoder.copyBufferToBuffer(resolved.buffer, 0, staging.buffer, 0, bytes);
    },
    read: async () => {
      await gpu.settled(staging.buffer.mapAsync(0x01, 0, bytes)); // GPUMapMode.READ
      const stamps = new BigUint64Array(staging.buffer.getMappedRange(0, bytes).slice(0));
      staging.buffer.unmap();
      gpu.check();
      return Array.from({ length: passes }, (_, i) => ({
        begin_ns: stamps[2 * i],
        end_ns: stamps[2 * i + 1],
      }));
    },
    destroy: () => {
      staging.destroy();
      resolved.destroy();
      for (const { querySet } of sets) querySet.destroy();
    },
  };
}

/** Duration of a pass, in milliseconds. */
export function passTime_ms({ begin_ns, end_ns }: PassTime): number {
  return Number(end_ns - begin_ns) / 1e6;
}

/**
 * Runs each group of dispatches in its own pass and returns the GPU time of each, in milliseconds.
 * Throws NoAdapterError if the adapter has no timestamps.
 */
export async function timePasses(
  gpu: Gpu,
  groups: readonly (readonly PreparedDispatch[])[],
): Promise<number[]> {
  const stamps = passStamps(gpu, groups.length);
  try {
    const encoder = gpu.device.createCommandEncoder({ label: "timed" });
    groups.forEach((dispatches, i) => {
      encodePass(encoder, "timed", dispatches, stamps.writes(i));
    });
    stamps.resolve(encoder);
    gpu.device.queue.submit([encoder.finish()]);
    return (await stamps.read()).map(passTime_ms);
  } finally {
    stamps.destroy();
  }
}

/**
 * The observed resolution of the GPU's clock: the greatest common divisor of the times of empty
 * passes, in nanoseconds. 0 if all of them take no time.
 */
export async function timerQuantum_ns(gpu: Gpu): Promise<number> {
  const times_ms = await timePasses(
    gpu,
    Array.from({ length: 256 }, () => []),
  );
  // A pair of timestamps may run backwards; its difference still is a multiple of the resolution.
  return times_ms
    .map((time_ms) => Math.abs(Math.round(time_ms * 1e6)))
    .reduce(greatestCommonDivisor, 0);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
