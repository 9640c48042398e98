// Compute pipelines: compiled in parallel, each distinct one only once, with explicit layouts.
import type { Gpu } from "./device.ts";
import { DeviceLostError, GpuValidationError } from "./errors.ts";
import type { GPUBindGroupLayout, GPUComputePipeline } from "./webgpu_types.ts";

/** Everything that identifies a pipeline. */
export interface PipelineSource {
  /** Entry point and label. */
  readonly name: string;
  readonly code: string;
  readonly layout: readonly ("uniform" | "read-only-storage" | "storage")[];
  /** The place of each entry of `layout`; by default group 0, dense from 0. */
  readonly places?: readonly { readonly group: number; readonly binding: number }[];
  /** The file to name in errors; by default that of shaders/. */
  readonly file?: string;
  readonly constants: Readonly<Record<string, number>>;
  /** Values that the text already contains, for the label. */
  readonly tuned?: Readonly<Record<string, number>>;
}

/** A compiled pipeline and the layouts its bind groups need. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  /** The layout of group 0. */
  readonly layout: GPUBindGroupLayout;
  /** The layouts of the groups 1, 2 and so on. */
  readonly more: readonly GPUBindGroupLayout[];
}

interface Cache {
  readonly modules: Map<string, Promise<GPUShaderModule>>;
  readonly layouts: Map<string, GPUBindGroupLayout>;
  readonly pipelines: Map<string, Promise<Pipeline>>;
  readonly watches: Set<PipelineWatch>;
  /** Pipelines that were asked for, and those of them that are compiled. */
  asked: number;
  compiled: number;
}
const caches = new WeakMap<GPUDevice, Cache>();

function cacheOf(device: GPUDevice): Cache {
  let cache = caches.get(device);
  if (cache === undefined) {
    cache = {
      modules: new Map(),
      layouts: new Map(),
      pipelines: new Map(),
      watches: new Set(),
      asked: 0,
      compiled: 0,
    };
    caches.set(device, cache);
  }
  return cache;
}

/**
 * Told of each pipeline of a device that is compiled or, where the driver compiles at the first
 * dispatch, that has run for the first time: how many, and of how many.
 */
export type PipelineWatch = (stage: "compiled" | "run", ready: number, all: number) => void;

/** Watches the pipelines of a device from now on, until the returned function is called. */
export function watchPipelines({ device }: Gpu, watch: PipelineWatch): () => void {
  const cache = cacheOf(device);
  const [asked, compiled] = [cache.asked, cache.compiled];
  const own: PipelineWatch = (stage, ready, all) => {
    if (stage === "compiled") watch(stage, ready - compiled, all - asked);
    else watch(stage, ready, all);
  };
  cache.watches.add(own);
  return () => void cache.watches.delete(own);
}

/** Tells the watches of a device of first runs; null if nobody watches. */
export function firstRunWatch({ device }: Gpu): ((ready: number, all: number) => void) | null {
  const { watches } = cacheOf(device);
  if (watches.size === 0) return null;
  return (ready, all) => {
    for (const watch of watches) watch("run", ready, all);
  };
}

/** The pipeline's name and what it is specialised on, as labels and profiles show it. */
export function pipelineLabel(source: PipelineSource): string {
  const all = { ...source.constants, ...source.tuned };
  const constants = Object.entries(all).map(([name, value]) => `${name}=${value}`);
  return [source.name, ...constants.toSorted()].join(" ");
}

/**
 * Compiles a pipeline, or returns the one already compiled (or being compiled) from the same text
 * and constants. Throws GpuValidationError with file, line and column if the shader does not
 * compile.
 */
export async function pipelineFor(gpu: Gpu, source: PipelineSource): Promise<Pipeline> {
  const cache = cacheOf(gpu.device);
  const key = `${pipelineLabel(source)}\n${source.code}`;
  let pipeline = cache.pipelines.get(key);
  if (pipeline === undefined) {
    pipeline = counted(cache, compile(gpu, cache, source));
    cache.pipelines.set(key, pipeline);
  }
  return await pipeline;
}

async function counted(cache: Cache, compiling: Promise<Pipeline>): Promise<Pipeline> {
  cache.asked++;
  const pipeline = await compiling;
  cache.compiled++;
  for (const watch of cache.watches) watch("compiled", cache.compiled, cache.asked);
  return pipeline;
}

async function compile(gpu: Gpu, cache: Cache, source: PipelineSource): Promise<Pipeline> {
  const { device } = gpu;
  const module = await moduleFor(gpu, source);
  const [layout, ...more] = layoutsOf(device, cache, source);
  try {
    const compiled = device.createComputePipelineAsync({
      label: pipelineLabel(source),
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout, ...more] }),
      compute: { module, entryPoint: source.name, constants: source.constants },
    });
    const pipeline = await gpu.settled(compiled);
    return { pipeline, layout, more };
  } catch (error) {
    gpu.check();
    if (error instanceof DeviceLostError) throw error;
    throw new GpuValidationError(`${fileOf(source)}: ${(error as Error).message}`);
  }
}

/**
 * Compiles the text of a shader alone, once. Throws GpuValidationError with file, line and column
 * if it is not valid.
 */
export async function moduleFor(gpu: Gpu, source: PipelineSource): Promise<GPUShaderModule> {
  const { modules } = cacheOf(gpu.device);
  let compiling = modules.get(source.code);
  if (compiling === undefined) {
    compiling = compileModule(gpu, source);
    modules.set(source.code, compiling);
  }
  return await compiling;
}

async function compileModule(gpu: Gpu, source: PipelineSource): Promise<GPUShaderModule> {
  const { name, code } = source;
  const { device } = gpu;
  // The scope keeps the error from the listener that fails the run; the compilation info has a
  // better message.
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label: name, code });
  const scope = device.popErrorScope();
  const { messages } = await gpu.unlessLost(module.getCompilationInfo());
  await gpu.unlessLost(scope);
  const error = messages.find(({ type }) => type === "error");
  if (error !== undefined) {
    throw new GpuValidationError(
      `${fileOf(source)}:${error.lineNum}:${error.linePos}: ${error.message}`,
    );
  }
  return module;
}

function fileOf({ file, name }: PipelineSource): string {
  return file ?? `shaders/${name}.wgsl`;
}

/** The layout of each group, at least of group 0. */
function layoutsOf(
  device: GPUDevice,
  cache: Cache,
  { layout: types, places }: PipelineSource,
): GPUBindGroupLayout[] {
  const entries = types.map((type, i) => ({ type, ...(places?.[i] ?? { group: 0, binding: i }) }));
  const groups = 1 + Math.max(0, ...entries.map(({ group }) => group));
  return Array.from({ length: groups }, (_, group) =>
    layoutOf(
      device,
      cache,
      entries.filter((entry) => entry.group === group),
    ),
  );
}

function layoutOf(
  device: GPUDevice,
  cache: Cache,
  own: readonly { readonly type: GPUBufferBindingType; readonly binding: number }[],
): GPUBindGroupLayout {
  const label = own.map(({ type, binding }) => `${binding} ${type}`).join(" ");
  let layout = cache.layouts.get(label);
  if (layout === undefined) {
    const entries = own.map(({ type, binding }) => ({
      binding,
      visibility: 4, // GPUShaderStage.COMPUTE
      buffer: { type },
    }));
    layout = device.createBindGroupLayout({ label, entries });
    cache.layouts.set(label, layout);
  }
  return layout;
}
