// The WebGPU types in this package's declarations: the global ones if a program has them (from
// TypeScript's DOM library or @webgpu/types), else opaque objects. A program type-checks with any
// set of libraries, and no name is declared twice.

type Global<Name extends string> =
  typeof globalThis extends Record<Name, { prototype: infer Instance }> ? Instance : object;

export type GPUAdapter = Global<"GPUAdapter">;
export type GPUBindGroup = Global<"GPUBindGroup">;
export type GPUBindGroupLayout = Global<"GPUBindGroupLayout">;
export type GPUBuffer = Global<"GPUBuffer">;
export type GPUBufferUsageFlags = number;
export type GPUCommandEncoder = Global<"GPUCommandEncoder">;
export type GPUComputePipeline = Global<"GPUComputePipeline">;
export type GPUDevice = Global<"GPUDevice">;
export type GPUDeviceLostReason = "destroyed" | "unknown";
export type GPUSupportedLimits = Global<"GPUSupportedLimits">;

/** Where the timestamps at both ends of a compute pass are written. */
export interface GPUComputePassTimestampWrites {
  querySet: Global<"GPUQuerySet">;
  beginningOfPassWriteIndex?: number;
  endOfPassWriteIndex?: number;
}
