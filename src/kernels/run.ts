// Runs one kernel alone on the GPU, as tests, `check` and the benches do: outputs are filled before
// and fenced by sentinels, so that a store that is missing or astray shows.
import { createBuffer, STORAGE_USAGE, UNIFORM_USAGE, type CountedBuffer } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { pipelineFor } from "../gpu/pipelines.ts";
import { readFloats } from "../gpu/read_back.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import type { AnyKernel, ShaderInfo } from "./kernel.ts";
import { specialize } from "./specialize.ts";
import { freezesShapes } from "./variant.ts";

/** What outputs hold before a kernel runs, and the sentinels beyond them for ever. */
export const UNWRITTEN = -999;
const SENTINELS = 64;

type Binding = ShaderInfo["bindings"][number];

/** A kernel with its buffers on the GPU, ready to be replayed. */
export interface PreparedKernel {
  readonly dispatch: PreparedDispatch;
  /**
   * Fills the changed tensors (outputs with `UNWRITTEN`, `inout` with their inputs), dispatches once
   * and reads them; throws when a sentinel was overwritten.
   */
  readonly run: () => Promise<Record<string, Float32Array>>;
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
  const tensors = kernel.shader.bindings.map((binding) =>
    hostTensor(kernel, binding, { ...shapes, ...outputShapes }, inputs),
  );
  const { pipeline, layout } = await pipelineFor(gpu, specialized.source);
  const buffers: CountedBuffer[] = [];
  const entries: GPUBindGroupEntry[] = [];
  const bind = (
    binding: number,
    label: string,
    data: Float32Array | ArrayBuffer,
    usage: GPUBufferUsageFlags,
  ): GPUBuffer => {
    const counted = createBuffer(gpu, `${name} ${label}`, data.byteLength, usage);
    buffers.push(counted);
    const { buffer, size_bytes } = counted;
    device.queue.writeBuffer(buffer, 0, data as ArrayBuffer);
    entries.push({ binding, resource: { buffer, size: data.byteLength || size_bytes } });
    return buffer;
  };
  if (specialized.params !== null) bind(0, "params", specialized.params, UNIFORM_USAGE);
  const changed: ChangedTensor[] = [];
  for (const { binding, count, start } of tensors) {
    const usage = binding.uniform ? UNIFORM_USAGE : STORAGE_USAGE;
    const buffer = bind(binding.binding, binding.name, start, usage);
    if (binding.access !== "read") changed.push({ name: binding.name, buffer, count, start });
  }
  const bindGroup = device.createBindGroup({ label: name, layout, entries });
  const dispatch: PreparedDispatch = { pipeline, bindGroup, grid: specialized.grid };
  return {
    dispatch,
    run: async () => {
      for (const { buffer, start } of changed) {
        device.queue.writeBuffer(buffer, 0, start as Float32Array<ArrayBuffer>);
      }
      const encoder = device.createCommandEncoder({ label: name });
      encodePass(encoder, name, [dispatch]);
      device.queue.submit([encoder.finish()]);
      const results: Record<string, Float32Array> = {};
      for (const tensor of changed) results[tensor.name] = await readFenced(gpu, name, tensor);
      return results;
    },
    destroy: () => {
      for (const buffer of buffers) buffer.destroy();
    },
  };
}

/** A tensor that the kernel changes, in a buffer with sentinels behind its `count` numbers. */
interface ChangedTensor {
  readonly name: string;
  readonly buffer: GPUBuffer;
  readonly count: number;
  /** What the buffer holds before each run. */
  readonly start: Float32Array;
}

/** Reads a changed tensor; throws when `kernel` overwrote a sentinel behind it. */
async function readFenced(
  gpu: Gpu,
  kernel: string,
  { name, buffer, count }: ChangedTensor,
): Promise<Float32Array> {
  const all = await readFloats(gpu, buffer, count + SENTINELS);
  if (!all.subarray(count).every((value) => value === UNWRITTEN)) {
    throw new Error(`${kernel} wrote past the end of ${name}`);
  }
  return all.slice(0, count);
}

/**
 * What a binding holds before the kernel runs: its input, else `UNWRITTEN`, and sentinels behind
 * what is changed.
 */
function hostTensor(
  kernel: AnyKernel,
  binding: Binding,
  shapes: Readonly<Record<string, Shape>>,
  inputs: Readonly<Record<string, Float32Array>>,
): { readonly binding: Binding; readonly count: number; readonly start: Float32Array } {
  const { name, access } = binding;
  const shape = shapes[name];
  if (shape === undefined) throw new Error(`${kernel.shader.name}: no shape for ${name}`);
  const count = size(shape);
  const start = new Float32Array(count + (access === "read" ? 0 : SENTINELS)).fill(UNWRITTEN);
  if (access !== "write") {
    const values = inputs[name];
    if (values?.length !== count) {
      throw new Error(
        `${kernel.shader.name}: ${name}${formatShape(shape)} needs ${count} numbers, was given ${values?.length ?? "none"}`,
      );
    }
    start.set(values);
  }
  return { binding, count, start };
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
    return await prepared.run();
  } finally {
    prepared.destroy();
  }
}
