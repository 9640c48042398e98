// The types of WebGPU in what this package declares: the global ones where a program has them, from
// TypeScript's DOM library or from @webgpu/types, else opaque objects. So a program type-checks with
// any libraries, and none declares a name twice.

type Global<Name extends string> =
  typeof globalThis extends Record<Name, { prototype: infer Instance }> ? Instance : object;

export type GPUBindGroup = Global<"GPUBindGroup">;
export type GPUBindGroupLayout = Global<"GPUBindGroupLayout">;
export type GPUBuffer = Global<"GPUBuffer">;
export type GPUBufferUsageFlags = number;
export type GPUCommandEncoder = Global<"GPUCommandEncoder">;
export type GPUComputePipeline = Global<"GPUComputePipeline">;
export type GPUDevice = Global<"GPUDevice">;
export type GPUDeviceLostReason = "destroyed" | "unknown";
export type GPUSupportedLimits = Global<"GPUSupportedLimits">;

/** Where the times at the two ends of a compute pass are written. */
export interface GPUComputePassTimestampWrites {
  querySet: Global<"GPUQuerySet">;
  beginningOfPassWriteIndex?: number;
  endOfPassWriteIndex?: number;
}
