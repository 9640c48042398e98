// Reading back: a ring of staging buffers, so that a step's results are read while the next one runs.
import { createBuffer, type CountedBuffer } from "./buffers.ts";
import type { Gpu } from "./device.ts";

const STAGING_USAGE: GPUBufferUsageFlags = 0x01 | 0x08; // MAP_READ | COPY_DST

/** Staging buffers used in turn; a slot is reused only after its read has been taken. */
export interface StagingRing {
  /** Adds the copy of `source[0, size_bytes)` to the encoder; the returned function, called after submit, reads it. */
  readonly copy: (
    encoder: GPUCommandEncoder,
    source: GPUBuffer,
    size_bytes: number,
  ) => () => Promise<Float32Array>;
  readonly destroy: () => void;
}

/** Makes a ring of `slots` staging buffers of `size_bytes` each. */
export function stagingRing(
  gpu: Gpu,
  label: string,
  size_bytes: number,
  slots: number,
): StagingRing {
  const buffers: CountedBuffer[] = Array.from({ length: slots }, (_, i) =>
    createBuffer(gpu, `${label} staging ${i}`, size_bytes, STAGING_USAGE),
  );
  const busy = Array.from<boolean>({ length: slots }).fill(false);
  let turn = 0;
  return {
    copy: (encoder, source, bytes) => {
      const slot = turn;
      turn = (turn + 1) % slots;
      if (busy[slot]!) {
        throw new Error(
          `${label}: ${slots} results are waiting to be read; read one before the next step`,
        );
      }
      busy[slot] = true;
      const staging = buffers[slot]!.buffer;
      encoder.copyBufferToBuffer(source, 0, staging, 0, bytes);
      return async () => {
        try {
          await staging.mapAsync(1, 0, bytes);
        } catch (error) {
          gpu.check();
          throw error;
        }
        const values = new Float32Array(bytes / 4);
        values.set(new Float32Array(staging.getMappedRange(0, bytes)));
        staging.unmap();
        busy[slot] = false;
        gpu.check();
        return values;
      };
    },
    destroy: () => {
      for (const buffer of buffers) buffer.destroy();
    },
  };
}

/** Reads `count` floats of a buffer, waiting for all work submitted before. */
export async function readFloats(
  gpu: Gpu,
  source: GPUBuffer,
  count: number,
  offset_bytes = 0,
): Promise<Float32Array> {
  if (count === 0) return new Float32Array(0);
  const staging = createBuffer(gpu, "read back", 4 * count, STAGING_USAGE);
  const encoder = gpu.device.createCommandEncoder({ label: "read back" });
  encoder.copyBufferToBuffer(source, offset_bytes, staging.buffer, 0, 4 * count);
  gpu.device.queue.submit([encoder.finish()]);
  try {
    await staging.buffer.mapAsync(1, 0, 4 * count);
    gpu.check();
    return new Float32Array(staging.buffer.getMappedRange(0, 4 * count).slice(0));
  } finally {
    gpu.check();
    staging.destroy();
  }
}
