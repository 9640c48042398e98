// The dispatches of one form of a ceiling, and their least time. All forms share three tensors,
// since a working set beyond every cache is large.
import {
  aligned,
  createBuffer,
  STORAGE_USAGE,
  UNIFORM_USAGE,
  type CountedBuffer,
} from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { PreparedDispatch } from "../gpu/encode.ts";
import { pipelineFor } from "../gpu/pipelines.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import { specialize } from "../engine/specialize.ts";
import { freezesShapes } from "../engine/variant.ts";
import type { Shape } from "../tensor/shape.ts";
import { batchFor } from "./clock.ts";
import type { GPUBuffer } from "../gpu/webgpu_types.ts";
import { soundPasses } from "./sound_passes.ts";

const MIB = 2 ** 20;
const MOST_BATCHED = 1000;

/** Tensors on the GPU, and all else that is to be destroyed with them. */
export interface CeilingTensors {
  readonly gpu: Gpu;
  readonly first: GPUBuffer;
  readonly output: GPUBuffer;
  readonly second: GPUBuffer;
  readonly own: (buffer: CountedBuffer) => GPUBuffer;
  readonly destroy: () => void;
}

/** What a dispatch of a form does. */
export interface CeilingWork {
  readonly kernel: AnyKernel;
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly attributes: unknown;
  /** How many dispatches go through the tensors, each at its own part of them. */
  readonly parts: number;
  /** Time that a sample takes at least, for the launch not to count. */
  readonly least_ms: number;
  /** Samples of a moment; at once, so that the host, which may be held up, has no part between. */
  readonly samples: number;
}

/** Makes tensors for working sets of up to `largest_bytes`: one, two or three of one size in all. */
export function ceilingTensors(gpu: Gpu, largest_bytes: number): CeilingTensors {
  const owned: CountedBuffer[] = [];
  const own = (counted: CountedBuffer): GPUBuffer => {
    owned.push(counted);
    return counted.buffer;
  };
  const tensor = (share: number): GPUBuffer =>
    own(createBuffer(gpu, "ceilings", largest_bytes / share, STORAGE_USAGE));
  const tensors = {
    gpu,
    first: tensor(1),
    output: tensor(2),
    second: tensor(3),
    own,
    destroy: () => {
      for (const { destroy } of owned) destroy();
    },
  };
  const seed = own(createBuffer(gpu, "ceilings seed", MIB, STORAGE_USAGE));
  gpu.device.queue.writeBuffer(seed, 0, varied(MIB / 4));
  const encoder = gpu.device.createCommandEncoder({ label: "ceilings" });
  for (const { buffer, size_bytes } of owned) {
    if (buffer === seed) continue;
    for (let at = 0; at < size_bytes; at += MIB) {
      encoder.copyBufferToBuffer(seed, 0, buffer, at, Math.min(MIB, size_bytes - at));
    }
  }
  gpu.device.queue.submit([encoder.finish()]);
  return tensors;
}

/** Compiles a form; returns what measures, for a moment, the least time of a dispatch of it. */
export async function prepareCeiling(
  tensors: CeilingTensors,
  quantum_ns: number,
  work: CeilingWork,
): Promise<() => Promise<number>> {
  const ring: PreparedDispatch[] = [];
  for (let part = 0; part < work.parts; part++) ring.push(await bindPart(tensors, work, part));
  let turn = 0;
  const next = (): PreparedDispatch => ring[turn++ % ring.length];
  const least_ms = async (samples: number, batch: number): Promise<number> => {
    const groups = Array.from({ length: samples }, () => Array.from({ length: batch }, next));
    return Math.min(...(await soundPasses(tensors.gpu, groups))) / batch;
  };
  let batch = 0;
  return async () => {
    if (batch === 0) {
      await least_ms(1, 1); // compiles
      const one_ms = await least_ms(3, 1);
      const long = Math.min(MOST_BATCHED, Math.ceil(work.least_ms / one_ms));
      batch = Math.max(1, long, batchFor(one_ms, quantum_ns));
    }
    return await least_ms(work.samples, batch);
  };
}

/** The dispatch on one part of the tensors: of x or a, b, and y. */
async function bindPart(
  { gpu, first, second, output, own }: CeilingTensors,
  { kernel, shapes, attributes }: CeilingWork,
  part: number,
): Promise<PreparedDispatch> {
  const freeze = freezesShapes(gpu.facts);
  const { source, params, grid } = specialize(kernel, shapes, attributes, freeze);
  const { pipeline, layout } = await pipelineFor(gpu, source);
  const size = params!.byteLength;
  const block = own(createBuffer(gpu, "ceilings params", size, UNIFORM_USAGE));
  gpu.device.queue.writeBuffer(block, 0, params!);
  const all: Record<string, Shape> = { ...shapes, ...kernel.shapes(shapes, attributes) };
  const places: Readonly<Record<string, GPUBuffer>> = { x: first, a: first, b: second, y: output };
  const entries = kernel.shader.bindings.map(({ name, binding }): GPUBindGroupEntry => {
    const bytes = 4 * all[name][0];
    const resource = { buffer: places[name], offset: part * aligned(bytes), size: bytes };
    return { binding, resource };
  });
  const bindGroup = gpu.device.createBindGroup({
    label: source.name,
    layout,
    entries: [{ binding: 0, resource: { buffer: block, size } }, ...entries],
  });
  return { pipeline, bindGroup, grid };
}

/** Numbers in [0, 1) without a pattern. */
function varied(count: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (Math.imul(i, 0x9e3779b1) >>> 8) / 2 ** 24;
  return values;
}
