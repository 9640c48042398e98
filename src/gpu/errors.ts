// Errors of the GPU layer, each with what a person can do about it.

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

/** The adapter has too little memory for what was asked. */
export class GpuMemoryError extends Error {
  override name = "GpuMemoryError";
}

/** The driver dropped the device (reset, crash or unplugged): nothing after it can be trusted. */
export class DeviceLostError extends Error {
  override name = "DeviceLostError";
}
