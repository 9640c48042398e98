// Runs one kernel alone on the GPU, as tests, `check` and the benches do: outputs are filled before and fenced by
// sentinels, so that a store that is missing or astray shows.
import { createBuffer, STORAGE_USAGE, UNIFORM_USAGE, type CountedBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { pipelineFor } from "../gpu/pipelines.ts";
import { readFloats } from "../gpu/read_back.ts";
import { size, type Shape } from "../tensor/shape.ts";
import type { AnyKernel } from "./kernel.ts";
import { specialize } from "./specialize.ts";
import { freezesShapes } from "./variant.ts";

/** What outputs hold before a kernel runs, and the sentinels beyond them for ever. */
export const UNWRITTEN = -999;
const SENTINELS = 64;

/** A kernel with its buffers on the GPU, ready to be replayed. */
export interface PreparedKernel {
  readonly dispatch: PreparedDispatch;
  /** Fills the changed tensors again: outputs with `UNWRITTEN`, `inout` with their inputs. */
  readonly reset: () => void;
  /** Reads the changed tensors; throws when a sentinel was overwritten. */
  readonly read: () => Promise<Record<string, Float32Array>>;
  readonly destroy: () => void;
}

/** How to run a kernel alone. */
export interface RunOptions {
  /** Specialise the pipeline on its shapes; by default what suits the adapter. */
  readonly freeze?: boolean;
}

/** Uploads the inputs of a kernel and prepares its dispatch. */
export async function prepareKernel(
  gpu: Gpu,
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Float32Array>>,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
  options: RunOptions = {},
): Promise<PreparedKernel> {
  const { device } = gpu;
  const name = kernel.shader.name;
  const outputShapes: Record<string, Shape> = kernel.shapes(shapes, attributes);
  const specialized = specialize(
    kernel,
    shapes,
    attributes,
    options.freeze ?? freezesShapes(gpu.facts),
  );
  const { pipeline, layout } = await pipelineFor(gpu, specialized.source);
  const buffers: CountedBuffer[] = [];
  const entries: GPUBindGroupEntry[] = [];
  const changed: { name: string; buffer: GPUBuffer; count: number; start: Float32Array }[] = [];
  if (specialized.params !== null) {
    const uniform = createBuffer(
      gpu,
      `${name} params`,
      specialized.params.byteLength,
      UNIFORM_USAGE,
    );
    device.queue.writeBuffer(uniform.buffer, 0, specialized.params);
    buffers.push(uniform);
    entries.push({
      binding: 0,
      resource: { buffer: uniform.buffer, size: specialized.params.byteLength },
    });
  }
  for (const { name: tensor, binding, access, uniform } of kernel.shader.bindings) {
    const shape = access === "write" ? outputShapes[tensor] : shapes[tensor];
    if (shape === undefined) throw new Error(`${name}: no shape for ${tensor}`);
    const count = size(shape);
    const fence = access === "read" ? 0 : SENTINELS;
    const filled = new Float32Array(count + fence).fill(UNWRITTEN);
    if (access !== "write") {
      const values = inputs[tensor];
      if (values?.length !== count) {
        throw new Error(
          `${name}: ${tensor} has ${values?.length} numbers, its shape [${shape.join(", ")}] needs ${count}`,
        );
      }
      filled.set(values);
    }
    const buffer = createBuffer(
      gpu,
      `${name} ${tensor}`,
      4 * (count + fence),
      uniform ? UNIFORM_USAGE : STORAGE_USAGE,
    );
    buffers.push(buffer);
    device.queue.writeBuffer(buffer.buffer, 0, filled);
    entries.push({
      binding,
      resource: {
        buffer: buffer.buffer,
        size: count === 0 ? buffer.size_bytes : 4 * (count + fence),
      },
    });
    if (access !== "read")
      changed.push({ name: tensor, buffer: buffer.buffer, count, start: filled });
  }
  const bindGroup = device.createBindGroup({ label: name, layout, entries });
  return {
    dispatch: { pipeline, bindGroup, grid: specialized.grid },
    reset: () => {
      for (const { buffer, start } of changed) {
        device.queue.writeBuffer(buffer, 0, start as Float32Array<ArrayBuffer>);
      }
    },
    read: async () => {
      const results: Record<string, Float32Array> = {};
      for (const { name: tensor, buffer, count } of changed) {
        const all = await readFloats(gpu, buffer, count + SENTINELS);
        if (!all.subarray(count).every((value) => value === UNWRITTEN)) {
          throw new Error(`${name} wrote past the end of ${tensor}`);
        }
        results[tensor] = all.slice(0, count);
      }
      return results;
    },
    destroy: () => {
      for (const buffer of buffers) buffer.destroy();
    },
  };
}

/** Runs a kernel once and returns the tensors it changed. */
export async function runKernel(
  gpu: Gpu,
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Float32Array>>,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
  options: RunOptions = {},
): Promise<Record<string, Float32Array>> {
  const prepared = await prepareKernel(gpu, kernel, inputs, shapes, attributes, options);
  try {
    const encoder = gpu.device.createCommandEncoder({ label: kernel.shader.name });
    encodePass(encoder, kernel.shader.name, [prepared.dispatch]);
    gpu.device.queue.submit([encoder.finish()]);
    return await prepared.read();
  } finally {
    prepared.destroy();
  }
}
