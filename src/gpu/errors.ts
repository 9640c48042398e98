// Errors of the GPU layer, each with what a person can do about it.
import type { GPUDeviceLostReason } from "./webgpu_types.ts";

/** No Vulkan, Metal or D3D12 adapter, or none with the clock that is needed: exit code 4. */
export class NoAdapterError extends Error {
  override name = "NoAdapterError";
}

/**
 * A shader did not compile, a pipeline could not be made, or a command was refused by validation.
 */
export class GpuValidationError extends Error {
  override name = "GpuValidationError";
}

/** What a person can do about a tensor that is too large for the adapter. */
export const SHAPE_ADVICE = "use smaller shapes (commands have a smaller --size or --student)";

/** What a person can do about memory that does not suffice. */
export const MEMORY_ADVICE =
  "use smaller shapes or a larger memory budget (commands have --size, --student and --memory-budget)";

/** Bytes that were asked for, and bytes of the budget that were free; null where only the driver knows. */
export interface MemoryAsked {
  readonly asked_bytes: number | null;
  readonly free_bytes: number | null;
}

/**
 * The memory budget or the driver's memory does not suffice for what was asked. What was asked for
 * was not made, and everything made before can still be used.
 */
export class GpuMemoryError extends Error {
  override name = "GpuMemoryError";
  readonly asked_bytes: number | null;
  readonly free_bytes: number | null;

  constructor(message: string, { asked_bytes, free_bytes }: MemoryAsked) {
    super(message);
    this.asked_bytes = asked_bytes;
    this.free_bytes = free_bytes;
  }
}

/**
 * The device is gone, and nothing after its loss can be trusted. The reason is `unknown` where the
 * driver dropped it (reset, crash, unplugged), `destroyed` where this process destroyed it, `closed`
 * where `Gpu.close` ended it on purpose.
 */
export class DeviceLostError extends Error {
  override name = "DeviceLostError";
  readonly reason: GPUDeviceLostReason | "closed";

  constructor(message: string, reason: GPUDeviceLostReason | "closed") {
    super(message);
    this.reason = reason;
  }
}
