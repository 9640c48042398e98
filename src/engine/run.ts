// Runs one kernel alone on the GPU, as tests, `check` and the benches do. Every tensor lies between
// two margins. Margins of inputs hold NaN, so that a read past the end shows. Margins of outputs
// hold the output's fill value, so that a missing or stray store shows. On a device that clamps
// indices, any access past the end reaches the last word of the margin behind the tensor.
import {
  ALIGNMENT_BYTES,
  allReady,
  checkBinding,
  createBuffer,
  createEach,
  STORAGE_USAGE,
  UNIFORM_USAGE,
} from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { pipelineFor } from "../gpu/pipelines.ts";
import { readFloats } from "../gpu/read_back.ts";
import { checkOptions } from "../tensor/options.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import type { AnyKernel, Grid, ShaderInfo } from "./kernel.ts";
import { fitted } from "./mapping.ts";
import { specialize, freezesShapes } from "./specialize.ts";

/** The value that outputs and their margins hold before a kernel runs, unless another is given. */
export const UNWRITTEN = -999;
/** Numbers before a tensor: the fewest that the alignment of bindings allows. */
const BEFORE = ALIGNMENT_BYTES / 4;
/** Numbers behind a tensor. */
const BEHIND = 4096;
/** This kernel is bound to exactly its numbers, without a margin, so `arrayLength` is correct. */
const ARRAY_LENGTH = /\barrayLength\s*\(/;

type Binding = ShaderInfo["bindings"][number];

/** A kernel with its buffers on the GPU, ready to be replayed. */
export interface PreparedKernel {
  readonly dispatch: PreparedDispatch;
  /** The grid of the dispatch in two rows, and a third row too many; the same where none folds. */
  readonly folded: Grid;
  /**
   * Fills outputs and the margins of changed tensors with `fill` (default `UNWRITTEN`) and `inout`
   * tensors with their inputs, dispatches `grid` (default that of the dispatch) once and reads the
   * changed tensors back; throws if a margin was written to.
   */
  readonly run: (fill?: number, grid?: Grid) => Promise<Record<string, Float32Array>>;
  readonly destroy: () => void;
}

/** How to run a kernel alone. */
export interface RunOptions {
  /** Specialise the pipeline on its shapes; the default suits the adapter. */
  readonly freeze?: boolean;
}

/** Throws InputError for an option of running a kernel that is unknown or of another type. */
export function checkRunOptions(where: string, options: RunOptions): void {
  const rules = { freeze: "flag" } as const satisfies Record<keyof RunOptions, unknown>;
  checkOptions(where, options, {}, rules);
}

/** Uploads the inputs of a kernel and prepares its dispatch. */
export async function prepareKernel(
  gpu: Gpu,
  one: AnyKernel,
  inputs: Readonly<Record<string, Float32Array>>,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
  options: RunOptions = {},
): Promise<PreparedKernel> {
  const kernel = fitted(one, gpu.facts);
  const name = kernel.shader.name;
  const outputShapes: Record<string, Shape> = kernel.shapes(shapes, attributes);
  const specialized = specialize(
    kernel,
    shapes,
    attributes,
    options.freeze ?? freezesShapes(gpu.facts),
    gpu.facts,
  );
  const all = { ...shapes, ...outputShapes };
  for (const binding of kernel.shader.bindings) {
    checkBinding(gpu, `${name} ${binding.name}`, all[binding.name] ?? []);
  }
  const tensors = kernel.shader.bindings.map((binding) => hostTensor(kernel, binding, all, inputs));
  const { pipeline, layout } = await pipelineFor(gpu, specialized.source);
  const exact = ARRAY_LENGTH.test(specialized.source.code);
  const planned: Planned[] = [
    ...(specialized.params === null ? [] : [uniform(0, "params", specialized.params)]),
    ...tensors.map((tensor) => {
      const { binding, count, start } = tensor;
      const label = `${binding.name}${formatShape(all[binding.name])}`;
      return binding.uniform
        ? uniform(binding.binding, label, start ?? new Float32Array(count))
        : fenced(gpu, label, tensor, exact);
    }),
  ];
  const buffers = createEach(planned, ({ label, size_bytes, usage }) =>
    createBuffer(gpu, `${name} ${label}`, size_bytes, usage),
  );
  const destroy = (): void => {
    for (const buffer of buffers) buffer.destroy();
  };
  const changed: FencedTensor[] = [];
  try {
    await allReady(gpu, buffers);
    planned.forEach(({ data, fence }, i) => {
      const { buffer } = buffers[i];
      if (data !== null) gpu.device.queue.writeBuffer(buffer, 0, data);
      if (fence === null) return;
      const tensor: FencedTensor = { ...fence, name: fence.binding.name, buffer };
      fillFenced(gpu, tensor, NaN);
      if (fence.binding.access !== "read") changed.push(tensor);
    });
  } catch (error) {
    destroy();
    throw error;
  }
  const entries = planned.map(({ binding, offset, bound_bytes }, i) => ({
    binding,
    resource: { buffer: buffers[i].buffer, offset, size: bound_bytes },
  }));
  const bindGroup = gpu.device.createBindGroup({ label: name, layout, entries });
  const dispatch: PreparedDispatch = { pipeline, bindGroup, grid: specialized.grid };
  return {
    dispatch,
    folded: specialized.folded,
    run: async (fill = UNWRITTEN, grid = specialized.grid) => {
      for (const tensor of changed) fillFenced(gpu, tensor, fill);
      const { device } = gpu;
      const encoder = device.createCommandEncoder({ label: name });
      encodePass(encoder, name, [{ ...dispatch, grid }]);
      device.queue.submit([encoder.finish()]);
      const results: Record<string, Float32Array> = {};
      for (const tensor of changed)
        results[tensor.name] = await readFenced(gpu, name, tensor, fill);
      return results;
    },
    destroy,
  };
}

/** A buffer of a kernel, before it is created. */
interface Planned {
  readonly binding: number;
  readonly label: string;
  readonly size_bytes: number;
  readonly usage: GPUBufferUsageFlags;
  /** Offset of the binding in the buffer. */
  readonly offset: number;
  readonly bound_bytes: number;
  /** Its constant content; null for a tensor between margins. */
  readonly data: Uint8Array<ArrayBuffer> | null;
  readonly fence: (Omit<FencedTensor, "name" | "buffer"> & { readonly binding: Binding }) | null;
}

function uniform(binding: number, label: string, values: ArrayBuffer | Float32Array): Planned {
  const data =
    values instanceof Float32Array
      ? Uint8Array.from(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      : new Uint8Array(values);
  const size_bytes = data.byteLength;
  const usage = UNIFORM_USAGE;
  return {
    binding,
    label,
    size_bytes,
    usage,
    offset: 0,
    bound_bytes: size_bytes,
    data,
    fence: null,
  };
}

function fenced(gpu: Gpu, label: string, tensor: HostTensor, exact: boolean): Planned {
  const { binding, count, start } = tensor;
  const behind = marginBehind(gpu, count);
  return {
    binding: binding.binding,
    label,
    size_bytes: 4 * (BEFORE + count + behind),
    usage: STORAGE_USAGE,
    offset: ALIGNMENT_BYTES,
    bound_bytes: 4 * (exact ? Math.max(1, count) : count + behind),
    data: null,
    fence: { binding, count, behind, start },
  };
}

/** A tensor in its own buffer: `BEFORE` numbers of margin, its `count`, and `behind` more. */
interface FencedTensor {
  readonly name: string;
  readonly buffer: GPUBuffer;
  readonly count: number;
  readonly behind: number;
  /** Content of the tensor before each run; null where it is filled like its margins. */
  readonly start: Float32Array | null;
}

/** The margin behind a tensor: whole vectors of four, within the adapter's binding limit. */
function marginBehind({ limits }: Gpu, count: number): number {
  const most = Math.floor(limits.maxStorageBufferBindingSize / 4) - count;
  const whole = Math.ceil(count / 4) * 4 - count;
  return Math.max(0, Math.min(whole + BEHIND, most));
}

/** Fills a tensor and its margins. */
function fillFenced(gpu: Gpu, tensor: FencedTensor, fill: number): void {
  const { buffer, count, behind, start } = tensor;
  const all = new Float32Array(BEFORE + count + behind).fill(fill);
  if (start !== null) all.set(start, BEFORE);
  gpu.device.queue.writeBuffer(buffer, 0, all);
}

/** Reads a changed tensor; throws if `kernel` wrote to a margin, which held `fill`. */
async function readFenced(
  gpu: Gpu,
  kernel: string,
  { name, buffer, count, behind }: FencedTensor,
  fill: number,
): Promise<Float32Array> {
  const all = await readFloats(gpu, buffer, BEFORE + count + behind);
  const bits = new Uint32Array(all.buffer, all.byteOffset, all.length);
  const [sentinel] = new Uint32Array(Float32Array.of(fill).buffer);
  const isWhole = (margin: Uint32Array): boolean => margin.every((word) => word === sentinel);
  if (!isWhole(bits.subarray(BEFORE + count))) {
    throw new Error(`${kernel} wrote past the end of ${name}, or far outside of it`);
  }
  if (!isWhole(bits.subarray(0, BEFORE))) {
    throw new Error(`${kernel} wrote before the start of ${name}`);
  }
  return all.slice(BEFORE, BEFORE + count);
}

/** A binding with its tensor's length and, unless it is an output, its numbers. */
interface HostTensor {
  readonly binding: Binding;
  readonly count: number;
  readonly start: Float32Array | null;
}

function hostTensor(
  kernel: AnyKernel,
  binding: Binding,
  shapes: Readonly<Record<string, Shape>>,
  inputs: Readonly<Record<string, Float32Array>>,
): HostTensor {
  const { name, access } = binding;
  const shape = shapes[name];
  if (shape === undefined) throw new Error(`${kernel.shader.name}: no shape for ${name}`);
  const count = size(shape);
  if (access === "write") return { binding, count, start: null };
  const values = inputs[name];
  if (values?.length !== count) {
    throw new Error(
      `${kernel.shader.name}: ${name}${formatShape(shape)} needs ${count} numbers, was given ${values?.length ?? "none"}`,
    );
  }
  return { binding, count, start: values };
}

/** Runs a kernel once and returns the tensors that it changed. */
export async function runKernel(
  gpu: Gpu,
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Float32Array>>,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
  options: RunOptions = {},
): Promise<Record<string, Float32Array>> {
  checkRunOptions("runKernel", options);
  const prepared = await prepareKernel(gpu, kernel, inputs, shapes, attributes, options);
  try {
    return await prepared.run();
  } finally {
    prepared.destroy();
  }
}
