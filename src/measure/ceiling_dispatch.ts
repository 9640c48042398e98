// The dispatches of one form of a ceiling, and their shortest time. All forms share three tensors,
// because a working set that exceeds every cache is large.
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
import { specialize, freezesShapes } from "../engine/specialize.ts";
import type { Shape } from "../tensor/shape.ts";
import { batchFor } from "./clock.ts";
import type { GPUBuffer } from "../gpu/webgpu_types.ts";
import { soundPasses } from "./sound_passes.ts";

const MIB = 2 ** 20;
const MOST_BATCHED = 1000;

/** Tensors on the GPU, and everything else that must be destroyed with them. */
export interface CeilingTensors {
  readonly gpu: Gpu;
  readonly first: GPUBuffer;
  readonly output: GPUBuffer;
  readonly second: GPUBuffer;
  readonly own: (buffer: CountedBuffer) => GPUBuffer;
  readonly destroy: () => void;
}

/** The operation of a form's dispatch. */
export interface CeilingWork {
  readonly kernel: AnyKernel;
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly attributes: unknown;
  /** The number of dispatches that cover the tensors, each on its own range. */
  readonly parts: number;
  /** The minimum time of a sample, long enough that the launch does not count. */
  readonly least_ms: number;
  /** Samples per moment, in one submit, so that a delay of the host cannot come in between. */
  readonly samples: number;
}

/** Creates tensors for working sets of up to `largest_bytes`: one, two or three of equal size. */
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

/**
 * Compiles a form; the result measures, for a moment, the shortest time of one of its dispatches.
 */
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

/** The dispatch on one range of the tensors: of x or a, b, and y. */
async function bindPart(
  { gpu, first, second, output, own }: CeilingTensors,
  { kernel, shapes, attributes }: CeilingWork,
  part: number,
): Promise<PreparedDispatch> {
  const freeze = freezesShapes(gpu.facts);
  const { source, params, grid } = specialize(kernel, shapes, attributes, freeze, gpu.facts);
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
