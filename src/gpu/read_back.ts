// Read-back through a ring of staging buffers: the results of a step are read while the next step
// runs.
import { ALIGNMENT_BYTES, allReady, createBuffer, createEach } from "./buffers.ts";
import type { Gpu } from "./device.ts";
import type { GPUBuffer, GPUCommandEncoder } from "./webgpu_types.ts";

const STAGING_USAGE: GPUBufferUsageFlags = 0x01 | 0x08; // MAP_READ | COPY_DST
const READ = 0x01; // GPUMapMode.READ

/** A range of a buffer, in bytes. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset_bytes: number;
  readonly size_bytes: number;
}

/** Staging buffers used in rotation; a slot is reused only after its read has been taken. */
export interface StagingRing {
  /**
   * Adds the copies of `ranges`, one behind the other, to the encoder; the returned function reads
   * them and is called after submit. Throws if all slots are waiting to be read.
   */
  readonly copy: (
    encoder: GPUCommandEncoder,
    ranges: readonly BufferRange[],
  ) => () => Promise<Float32Array>;
  readonly size_bytes: number;
  /** Settles when the driver has created the buffers, as `CountedBuffer.ready` does. */
  readonly ready: () => Promise<void>;
  readonly destroy: () => void;
}

/**
 * Creates a ring of `slots` staging buffers of `size_bytes` each; throws as `createBuffer` does,
 * and then creates none.
 */
export function stagingRing(
  gpu: Gpu,
  label: string,
  size_bytes: number,
  slots: number,
): StagingRing {
  const buffers = createEach(
    Array.from({ length: slots }, (_, i) => i),
    (i) => createBuffer(gpu, `${label} staging ${i}`, size_bytes, STAGING_USAGE),
  );
  const busy = Array.from<boolean>({ length: slots }).fill(false);
  let turn = 0;
  return {
    copy: (encoder, ranges) => {
      const slot = turn;
      if (busy[slot]) {
        throw new Error(
          `${label}: ${slots} results are waiting to be read; read one before the next step`,
        );
      }
      turn = (turn + 1) % slots;
      busy[slot] = true;
      const staging = buffers[slot].buffer;
      let end_bytes = 0;
      for (const { buffer, offset_bytes, size_bytes: bytes } of ranges) {
        if (bytes === 0) continue;
        encoder.copyBufferToBuffer(buffer, offset_bytes, staging, end_bytes, bytes);
        end_bytes += bytes;
      }
      const read = async (): Promise<Float32Array> => {
        const values = await readStaging(gpu, staging, end_bytes);
        busy[slot] = false;
        return values;
      };
      // May be called once: at a second call the slot may hold a later step.
      let reading: Promise<Float32Array> | null = null;
      return () => (reading ??= read());
    },
    ready: async () => await allReady(gpu, buffers),
    size_bytes: buffers.reduce((sum, buffer) => sum + buffer.size_bytes, 0),
    destroy: () => {
      for (const buffer of buffers) buffer.destroy();
    },
  };
}

/**
 * Reads `count` floats of a buffer after all previously submitted work; piece by piece if the
 * memory budget leaves no room for one staging buffer.
 */
export async function readFloats(
  gpu: Gpu,
  source: GPUBuffer,
  count: number,
  offset_bytes = 0,
): Promise<Float32Array> {
  if (count === 0) return new Float32Array(0);
  const { budget_bytes, live_bytes } = gpu.memory;
  const room = ALIGNMENT_BYTES * Math.floor((budget_bytes - live_bytes) / ALIGNMENT_BYTES);
  const piece_bytes = Math.min(4 * count, Math.max(ALIGNMENT_BYTES, room));
  const staging = createBuffer(gpu, "read back", piece_bytes, STAGING_USAGE);
  try {
    await allReady(gpu, [staging]);
    const values = new Float32Array(count);
    for (let start_bytes = 0; start_bytes < 4 * count; start_bytes += piece_bytes) {
      const bytes = Math.min(piece_bytes, 4 * count - start_bytes);
      const encoder = gpu.device.createCommandEncoder({ label: "read back" });
      const from_bytes = offset_bytes + start_bytes;
      encoder.copyBufferToBuffer(source, from_bytes, staging.buffer, 0, bytes);
      gpu.device.queue.submit([encoder.finish()]);
      values.set(await readStaging(gpu, staging.buffer, bytes), start_bytes / 4);
    }
    return values;
  } finally {
    staging.destroy();
  }
}

/**
 * Maps a staging buffer, copies it out and unmaps it; throws any error that the device reported
 * meanwhile.
 */
async function readStaging(gpu: Gpu, staging: GPUBuffer, bytes: number): Promise<Float32Array> {
  await gpu.settled(staging.mapAsync(READ, 0, bytes));
  // Copying into our own memory is several times faster than slicing the mapped range.
  const values = new Float32Array(bytes / 4);
  values.set(new Float32Array(staging.getMappedRange(0, bytes)));
  staging.unmap();
  gpu.check();
  return values;
}
