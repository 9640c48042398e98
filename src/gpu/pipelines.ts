// Compute pipelines: compiled in parallel, each distinct one only once, with explicit layouts.
import type { Gpu } from "./device.ts";
import { DeviceLostError, GpuValidationError } from "./errors.ts";
import { settled } from "./settled.ts";
import type { GPUBindGroupLayout, GPUComputePipeline } from "./webgpu_types.ts";

/** Everything that identifies a pipeline. */
export interface PipelineSource {
  /** Entry point and label. */
  readonly name: string;
  readonly code: string;
  readonly layout: readonly ("uniform" | "read-only-storage" | "storage")[];
  readonly constants: Readonly<Record<string, number>>;
  /** Values that the text already contains, for the label. */
  readonly tuned?: Readonly<Record<string, number>>;
}

/** A compiled pipeline and the layout its bind groups need. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface Cache {
  readonly modules: Map<string, Promise<GPUShaderModule>>;
  readonly layouts: Map<string, GPUBindGroupLayout>;
  readonly pipelines: Map<string, Promise<Pipeline>>;
}
const caches = new WeakMap<GPUDevice, Cache>();

function cacheOf(device: GPUDevice): Cache {
  let cache = caches.get(device);
  if (cache === undefined) {
    cache = { modules: new Map(), layouts: new Map(), pipelines: new Map() };
    caches.set(device, cache);
  }
  return cache;
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
    pipeline = compile(gpu, cache, source);
    cache.pipelines.set(key, pipeline);
  }
  return await pipeline;
}

async function compile(gpu: Gpu, cache: Cache, source: PipelineSource): Promise<Pipeline> {
  const { device } = gpu;
  let compiling = cache.modules.get(source.code);
  if (compiling === undefined) {
    compiling = compileModule(gpu, source);
    cache.modules.set(source.code, compiling);
  }
  const module = await compiling;
  const layout = layoutOf(device, cache, source);
  try {
    const compiled = device.createComputePipelineAsync({
      label: pipelineLabel(source),
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: source.name, constants: source.constants },
    });
    const pipeline = await settled(gpu, compiled);
    return { pipeline, layout };
  } catch (error) {
    gpu.check();
    if (error instanceof DeviceLostError) throw error;
    throw new GpuValidationError(`shaders/${source.name}.wgsl: ${(error as Error).message}`);
  }
}

async function compileModule(gpu: Gpu, { name, code }: PipelineSource): Promise<GPUShaderModule> {
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
      `shaders/${name}.wgsl:${error.lineNum}:${error.linePos}: ${error.message}`,
    );
  }
  return module;
}

function layoutOf(
  device: GPUDevice,
  cache: Cache,
  { layout: types }: PipelineSource,
): GPUBindGroupLayout {
  const label = types.join(" ");
  let layout = cache.layouts.get(label);
  if (layout === undefined) {
    const entries = types.map((type, binding) => ({
      binding,
      visibility: 4, // GPUShaderStage.COMPUTE
      buffer: { type },
    }));
    layout = device.createBindGroupLayout({ label, entries });
    cache.layouts.set(label, layout);
  }
  return layout;
}
