// GPU time of dispatches: one compute pass each with a timestamp at either end (WebGPU has none per dispatch).
import { createBuffer } from "./buffers.ts";
import type { Gpu } from "./device.ts";
import type { PreparedDispatch } from "./encode.ts";
import { GpuValidationError } from "./errors.ts";

const MAX_PASSES = 2048; // a query set holds at most 4096 stamps

/** Whether the adapter can tell GPU time. */
export function hasTimestamps(gpu: Gpu): boolean {
  return gpu.facts.features.has("timestamp-query");
}

/**
 * Runs each group of dispatches in a pass of its own and returns the GPU time of each, in milliseconds.
 * Throws where the adapter has no timestamps.
 */
export async function timePasses(
  gpu: Gpu,
  groups: readonly (readonly PreparedDispatch[])[],
): Promise<number[]> {
  if (!hasTimestamps(gpu)) throw new GpuValidationError("this adapter has no timestamp-query");
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
  const device = gpu.device;
  const count = 2 * groups.length;
  const querySet = device.createQuerySet({ type: "timestamp", count });
  const resolved = createBuffer(gpu, "timestamps", 8 * count, 0x200 | 0x04); // QUERY_RESOLVE | COPY_SRC
  const staging = createBuffer(gpu, "timestamps staging", 8 * count, 0x01 | 0x08);
  const encoder = device.createCommandEncoder({ label: "timed" });
  groups.forEach((dispatches, i) => {
    const pass = encoder.beginComputePass({
      timestampWrites: {
        querySet,
        beginningOfPassWriteIndex: 2 * i,
        endOfPassWriteIndex: 2 * i + 1,
      },
    });
    for (const { pipeline, bindGroup, grid } of dispatches) {
      if (grid[0] * grid[1] * grid[2] === 0) continue;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    }
    pass.end();
  });
  encoder.resolveQuerySet(querySet, 0, count, resolved.buffer, 0);
  encoder.copyBufferToBuffer(resolved.buffer, 0, staging.buffer, 0, 8 * count);
  device.queue.submit([encoder.finish()]);
  await staging.buffer.mapAsync(1);
  const stamps = new BigUint64Array(staging.buffer.getMappedRange(0, 8 * count).slice(0));
  staging.destroy();
  resolved.destroy();
  querySet.destroy();
  gpu.check();
  return groups.map((_, i) => Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6);
}
