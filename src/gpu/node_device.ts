// Opens the device in Node: Dawn, with the software adapter of tools/setup where there is no other.
import { create, globals } from "webgpu";
import {
  memoryBudget,
  openDevice,
  PAGE_OPTIONS,
  SOFTWARE,
  type Gpu,
  type GpuOptions,
} from "./device.ts";
import { NoAdapterError } from "./errors.ts";
import { settled } from "./settled.ts";
import { loadSoftwareVulkan } from "./software_adapter.ts";

const OPTIONS = {
  ...PAGE_OPTIONS,
  validation: "flag",
  adapter: "text",
  clamp_indices: "flag",
  toggles: "texts",
} as const satisfies Record<keyof GpuOptions, unknown>;

// Dawn for Node crashes (use after free) when the object from create() or the adapter is collected.
const pinned: unknown[] = [];

function flags(options: GpuOptions): string[] {
  const enable = options.validation
    ? ["allow_unsafe_apis"]
    : ["allow_unsafe_apis", "skip_validation", "disable_robustness", "disable_workgroup_init"];
  // Dawn refuses f16 on NVIDIA's Vulkan driver unless this toggle is set; the toggles exist for
  // Vulkan only.
  if (process.platform === "linux") enable.push("vulkan_enable_f16_on_nvidia");
  enable.push(...(options.toggles ?? []));
  const disable = ["timestamp_quantization"];
  if (options.clamp_indices === true) disable.push("vulkan_use_buffer_robust_access_2");
  return [
    ...(options.adapter === undefined ? [] : [`adapter=${options.adapter}`]),
    `enable-dawn-features=${enable.join(",")}`,
    `disable-dawn-features=${disable.join(",")}`,
  ];
}

async function findAdapter(options: GpuOptions): Promise<GPUAdapter | null> {
  Object.assign(globalThis, globals);
  const gpu = create(flags(options));
  pinned.push(gpu);
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    pinned.push(adapter);
    return adapter;
  } catch (error) {
    const names = namesIn(error);
    if (options.adapter === undefined) throw error;
    if (names.length === 0) return null;
    throw new NoAdapterError(
      `no WebGPU adapter whose name contains "${options.adapter}"; available: ${names.join(", ")}`,
    );
  }
}

/** The names in Dawn's error about an adapter that is not there: those of all adapters. */
function namesIn(error: unknown): string[] {
  return [...(error as Error).message.matchAll(/name: '(.*)'/g)].map(([, name]) => name);
}

/** The names of all adapters except CPUs; two with the same name cannot be told apart. */
export async function hardwareNames(): Promise<string[]> {
  Object.assign(globalThis, globals);
  const gpu = create(flags({ validation: true, adapter: "no such adapter" }));
  pinned.push(gpu);
  try {
    pinned.push(await gpu.requestAdapter());
    return [];
  } catch (error) {
    return [...new Set(namesIn(error))].filter((name) => !SOFTWARE.test(name));
  }
}

/**
 * Opens the best adapter with its full limits, or the software adapter of `tools/setup` if there is
 * no other. Throws NoAdapterError if there is none at all or none with the requested name, and
 * InputError for an unknown option and if the memory budget is not a number above 0.
 */
export async function openGpu(options: GpuOptions): Promise<Gpu> {
  const budget_bytes = memoryBudget("openGpu", options, OPTIONS);
  let adapter = await findAdapter(options);
  if (adapter === null && loadSoftwareVulkan()) adapter = await findAdapter(options);
  if (adapter === null) {
    throw new NoAdapterError(
      "no WebGPU adapter (Vulkan, Metal or D3D12); `ringdepth doctor` says how to get one",
    );
  }
  return await openDevice(adapter, budget_bytes, settled);
}
