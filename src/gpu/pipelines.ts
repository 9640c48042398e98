// Compute pipelines: compiled in parallel, each distinct one once, with explicit layouts.
import type { Gpu } from "./device.ts";
import { GpuValidationError } from "./errors.ts";

/** Everything that makes a pipeline what it is. */
export interface PipelineSource {
  /** Entry point and label. */
  readonly name: string;
  readonly code: string;
  readonly layout: readonly ("uniform" | "read-only-storage" | "storage")[];
  readonly constants: Readonly<Record<string, number>>;
}

/** A compiled pipeline and the layout its bind groups need. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface Cache {
  readonly modules: Map<string, GPUShaderModule>;
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

/** The pipeline's name with what it is specialised on, as labels and profiles show it. */
export function pipelineLabel(source: PipelineSource): string {
  const constants = Object.entries(source.constants).map(([name, value]) => `${name}=${value}`);
  return [source.name, ...constants.toSorted()].join(" ");
}

/**
 * Compiles a pipeline, or returns the one already compiled (or being compiled) from the same text and constants.
 * Throws GpuValidationError with file, line and column when the shader does not compile.
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
  const device = gpu.device;
  let module = cache.modules.get(source.code);
  if (module === undefined) {
    device.pushErrorScope("validation");
    module = device.createShaderModule({ label: source.name, code: source.code });
    const scope = device.popErrorScope();
    const info = await module.getCompilationInfo();
    await scope;
    const error = info.messages.find((message) => message.type === "error");
    if (error !== undefined) {
      throw new GpuValidationError(
        `shaders/${source.name}.wgsl:${error.lineNum}:${error.linePos}: ${error.message}`,
      );
    }
    cache.modules.set(source.code, module);
  }
  const layoutKey = source.layout.join(" ");
  let layout = cache.layouts.get(layoutKey);
  if (layout === undefined) {
    layout = device.createBindGroupLayout({
      label: layoutKey,
      entries: source.layout.map((type, binding) => ({
        binding,
        visibility: 4, // GPUShaderStage.COMPUTE
        buffer: { type },
      })),
    });
    cache.layouts.set(layoutKey, layout);
  }
  try {
    const pipeline = await device.createComputePipelineAsync({
      label: pipelineLabel(source),
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: source.name, constants: source.constants },
    });
    return { pipeline, layout };
  } catch (error) {
    throw new GpuValidationError(`shaders/${source.name}.wgsl: ${(error as Error).message}`);
  }
}
