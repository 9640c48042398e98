// Encoding: prepared dispatches replayed in one compute pass, and the copies that follow it.
import type {
  GPUBindGroup,
  GPUCommandEncoder,
  GPUComputePassTimestampWrites,
  GPUComputePipeline,
} from "./webgpu_types.ts";

/** A dispatch with all its state prebuilt: replaying it allocates nothing. */
export interface PreparedDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** The bind groups 1, 2 and so on, for shaders that have them. */
  readonly more?: readonly GPUBindGroup[];
  readonly grid: readonly [number, number, number];
}

/**
 * Replays the dispatches in order in one compute pass, optionally with a timestamp at either end.
 */
export function encodePass(
  encoder: GPUCommandEncoder,
  label: string,
  dispatches: readonly PreparedDispatch[],
  timestampWrites?: GPUComputePassTimestampWrites,
): void {
  const pass = encoder.beginComputePass({
    label,
    ...(timestampWrites === undefined ? {} : { timestampWrites }),
  });
  let current: GPUComputePipeline | null = null;
  for (const { pipeline, bindGroup, more, grid } of dispatches) {
    if (grid[0] * grid[1] * grid[2] === 0) continue; // an empty tensor: nothing to do
    if (pipeline !== current) pass.setPipeline(pipeline);
    current = pipeline;
    pass.setBindGroup(0, bindGroup);
    more?.forEach((group, i) => pass.setBindGroup(i + 1, group));
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
  }
  pass.end();
}
