// Errors of the GPU layer, each with advice for the user.
import type { GPUDeviceLostReason } from "./webgpu_types.ts";

/** No Vulkan, Metal or D3D12 adapter, or none with the required timestamps: exit code 4. */
export class NoAdapterError extends Error {
  override name = "NoAdapterError";
}

/** A shader did not compile, a pipeline could not be created, or validation refused a command. */
export class GpuValidationError extends Error {
  override name = "GpuValidationError";
}

/** Advice for a tensor that is too large for the adapter. */
export const SHAPE_ADVICE = "use smaller shapes (commands have a smaller --size or --student)";

/** Advice for insufficient memory. */
export const MEMORY_ADVICE =
  "use smaller shapes or a larger memory budget (commands have --size, --student and --memory-budget)";

/** Requested bytes, and free bytes of the budget; null if only the driver knows. */
export interface MemoryAsked {
  readonly asked_bytes: number | null;
  readonly free_bytes: number | null;
}

/**
 * The memory budget or the driver's memory is too small for a request. Nothing was created, and
 * everything created before remains usable.
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
 * The device is gone, and nothing after its loss can be trusted. The reason is `unknown` if the
 * driver dropped it (reset, crash, unplugged), `destroyed` if this process destroyed it, and
 * `closed` if `Gpu.close` ended it on purpose.
 */
export class DeviceLostError extends Error {
  override name = "DeviceLostError";
  readonly reason: GPUDeviceLostReason | "closed";

  constructor(message: string, reason: GPUDeviceLostReason | "closed") {
    super(message);
    this.reason = reason;
  }
}
