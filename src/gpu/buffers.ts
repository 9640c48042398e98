// GPU buffers with accounting: V8 does not see GPU memory, so every buffer is counted and destroyed
// by hand, and refused if it would exceed the memory budget.
import { InputError } from "../tensor/error.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import type { Gpu } from "./device.ts";
import { GpuMemoryError, MEMORY_ADVICE, SHAPE_ADVICE } from "./errors.ts";
import type { GPUBuffer, GPUBufferUsageFlags } from "./webgpu_types.ts";

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
  /**
   * Settles when the driver has answered; rejects with GpuMemoryError if it has no memory. Await it
   * before using the buffer: using a failed buffer is a device error.
   */
  readonly ready: Promise<void>;
  readonly destroy: () => void;
}

/**
 * Creates a buffer of at least `size_bytes` (rounded up to 256) and counts it in `gpu.memory`;
 * `describe` names it in errors when its label says too little. Throws InputError if the adapter
 * cannot create so large a buffer, and GpuMemoryError if it exceeds the memory budget; in both
 * cases nothing has changed.
 */
export function createBuffer(
  gpu: Gpu,
  label: string,
  size_bytes: number,
  usage: GPUBufferUsageFlags,
  describe: () => string = () => label,
): CountedBuffer {
  const { device, memory } = gpu;
  const bytes = Math.max(ALIGNMENT_BYTES, aligned(size_bytes));
  if (bytes > gpu.limits.maxBufferSize) {
    throw new InputError(
      `${describe()}: ${bytes} bytes are more than the adapter's largest buffer (${gpu.limits.maxBufferSize}); ${SHAPE_ADVICE}`,
    );
  }
  const free = memory.budget_bytes - memory.live_bytes;
  if (bytes > free) throw overBudget(describe(), bytes, free, memory.budget_bytes);
  device.pushErrorScope("out-of-memory");
  const buffer = device.createBuffer({ label, size: bytes, usage });
  const ready = allocated(device, describe, bytes, memory.live_bytes);
  ready.catch(() => {}); // a caller that does not await it sees the error when the buffer is used
  memory.live_bytes += bytes;
  memory.peak_bytes = Math.max(memory.peak_bytes, memory.live_bytes);
  let live = true;
  return {
    buffer,
    size_bytes: bytes,
    ready,
    destroy: () => {
      if (!live) return;
      live = false;
      buffer.destroy();
      memory.live_bytes -= bytes;
    },
  };
}

/** One buffer for each of `things`; none if one of them cannot be created. */
export function createEach<T>(
  things: readonly T[],
  make: (thing: T) => CountedBuffer,
): CountedBuffer[] {
  const made: CountedBuffer[] = [];
  try {
    for (const thing of things) made.push(make(thing));
    return made;
  } catch (error) {
    for (const buffer of made) buffer.destroy();
    throw error;
  }
}

function overBudget(what: string, asked: number, free: number, budget: number): GpuMemoryError {
  return new GpuMemoryError(
    `${what}: needs ${asked} bytes, but only ${free} bytes of the memory budget of ${budget} are free; ${MEMORY_ADVICE}`,
    { asked_bytes: asked, free_bytes: free },
  );
}

/** The result of the error scope around the creation of a buffer. */
async function allocated(
  device: GPUDevice,
  describe: () => string,
  asked: number,
  live: number,
): Promise<void> {
  const error = await device.popErrorScope();
  if (error === null) return;
  throw new GpuMemoryError(
    `${describe()}: needs ${asked} bytes, but the driver has no more memory (ringdepth already uses ${live} bytes); ${MEMORY_ADVICE}`,
    { asked_bytes: asked, free_bytes: null },
  );
}

/**
 * Waits until the driver has created all of `buffers`; throws the GpuMemoryError of the first one
 * that it has no memory for, or DeviceLostError if the device is lost.
 */
export async function allReady(gpu: Gpu, buffers: Iterable<CountedBuffer>): Promise<void> {
  await gpu.unlessLost(Promise.all(Array.from(buffers, ({ ready }) => ready)));
}

/** Throws InputError if a tensor is larger than the adapter's binding limit. */
export function checkBinding(gpu: Gpu, name: string, shape: Shape): void {
  const bytes = 4 * size(shape);
  const limit = gpu.limits.maxStorageBufferBindingSize;
  if (bytes <= limit) return;
  throw new InputError(
    `${name}${formatShape(shape)}: ${bytes} bytes are more than the adapter binds at once (${limit}); ${SHAPE_ADVICE}`,
  );
}

/** The name in errors of a buffer of many tensors: lists the three largest. */
export function withLargest(
  label: string,
  tensors: Iterable<{ readonly name: string; readonly shape: Shape }>,
): string {
  const largest = [...tensors].toSorted((a, b) => size(b.shape) - size(a.shape)).slice(0, 3);
  if (largest.length === 0) return label;
  const named = largest.map(
    ({ name, shape }) => `${name}${formatShape(shape)} of ${4 * size(shape)} bytes`,
  );
  return `${label} (largest: ${named.join(", ")})`;
}

/** Usage of a buffer that kernels read and write and that the host may fill and read. */
export const STORAGE_USAGE: GPUBufferUsageFlags = 0x80 | 0x08 | 0x04; // STORAGE | COPY_DST | COPY_SRC
/** Usage of a small block of numbers that kernels read. */
export const UNIFORM_USAGE: GPUBufferUsageFlags = 0x40 | 0x08; // UNIFORM | COPY_DST
