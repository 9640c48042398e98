// GPU buffers with accounting: V8 does not see GPU memory, so every buffer is counted and destroyed
// by hand.
import { InputError } from "../tensor/error.ts";
import type { Gpu } from "./device.ts";

/** Offsets of bindings and slices of arenas are multiples of this (WebGPU's binding alignment). */
export const ALIGNMENT_BYTES = 256;

/** The smallest multiple of the binding alignment that holds `size_bytes`. */
export function aligned(size_bytes: number): number {
  return Math.ceil(size_bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

/** A counted buffer; `destroy` frees it and takes it off the account. */
export interface CountedBuffer {
  readonly buffer: GPUBuffer;
  readonly size_bytes: number;
  readonly destroy: () => void;
}

/**
 * Creates a buffer of at least `size_bytes` (rounded up to 256) and counts it in `gpu.memory`;
 * throws InputError where the adapter has no buffer as large.
 */
export function createBuffer(
  gpu: Gpu,
  label: string,
  size_bytes: number,
  usage: GPUBufferUsageFlags,
): CountedBuffer {
  const size = Math.max(ALIGNMENT_BYTES, aligned(size_bytes));
  if (size > gpu.limits.maxBufferSize) {
    throw new InputError(
      `${label}: ${size} bytes are more than the adapter's largest buffer (${gpu.limits.maxBufferSize}); use a smaller --size`,
    );
  }
  const buffer = gpu.device.createBuffer({ label, size, usage });
  gpu.memory.live_bytes += size;
  gpu.memory.peak_bytes = Math.max(gpu.memory.peak_bytes, gpu.memory.live_bytes);
  let live = true;
  return {
    buffer,
    size_bytes: size,
    destroy: () => {
      if (!live) return;
      live = false;
      buffer.destroy();
      gpu.memory.live_bytes -= size;
    },
  };
}

/** Usage of a buffer that kernels read and write and the host may fill and read. */
export const STORAGE_USAGE: GPUBufferUsageFlags = 0x80 | 0x08 | 0x04; // STORAGE | COPY_DST | COPY_SRC
/** Usage of a small block of numbers that kernels read. */
export const UNIFORM_USAGE: GPUBufferUsageFlags = 0x40 | 0x08; // UNIFORM | COPY_DST
