// Opens the adapter and device, once a process: explicit limits, one uncaptured-error listener that
// fails the run, device loss reported. Knows nothing of kernels.
import { create, globals } from "webgpu";
import { watchDevice, type DeviceState } from "./device_state.ts";
import { NoAdapterError, type DeviceLostError } from "./errors.ts";
import { InputError } from "../tensor/error.ts";
import { loadSoftwareVulkan } from "./software_adapter.ts";
import type { GPUDevice, GPUSupportedLimits } from "./webgpu_types.ts";

/** How to open the device. */
export interface GpuOptions {
  /** Validate every call (tests and training); off for benchmarks, where it costs CPU time only. */
  readonly validation: boolean;
  /** Part of the adapter's name, where a machine has several. */
  readonly adapter?: string;
  /**
   * Clamp every index to its binding in the shader, where drivers may drop the access instead: a
   * stray one then always ends in the last word of the binding. For `check` and tests.
   */
  readonly clamp_indices?: boolean;
  /** Dawn's own switches to turn on, such as `disable_robustness`. */
  readonly toggles?: readonly string[];
  /** Most bytes of all live buffers together; what would go beyond is refused. None when left out. */
  readonly memory_budget_bytes?: number;
}

/** What variant rules and reports may know of an adapter. */
export interface AdapterFacts {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly driver: string;
  /** A CPU pretending to be a GPU (lavapipe, SwiftShader): what is fast on it differs. */
  readonly software: boolean;
  /** Subgroup width where the adapter has exactly one, else 0. */
  readonly subgroup_size: number;
  readonly features: ReadonlySet<string>;
}

/** Bytes of live buffers. */
export interface GpuMemory {
  live_bytes: number;
  /** The most there were at once. */
  peak_bytes: number;
  /** The most there may be at once, Infinity where there is no budget. */
  readonly budget_bytes: number;
}

/** An open device and what belongs to it for its whole life. */
export interface Gpu {
  /** The device; throws DeviceLostError once it is lost or closed, or the first error it reported. */
  readonly device: GPUDevice;
  readonly facts: AdapterFacts;
  readonly limits: GPUSupportedLimits;
  /**
   * A second device of the adapter, opened with `clamp_indices`, where kernels are timed on this one
   * and are to be checked for stray accesses too.
   */
  readonly clamped?: Gpu;
  /** The account of `createBuffer`. */
  readonly memory: GpuMemory;
  /** Throws the first error that the device reported since it was opened, its loss included. */
  readonly check: DeviceState["check"];
  /** What work of the device resolves to, or its error as soon as there is one. */
  readonly unlessLost: DeviceState["unlessLost"];
  /** Resolves with the error when the device is lost (not when it is closed). */
  readonly lost: Promise<DeviceLostError>;
  /** Ends the device; whatever is called after it answers DeviceLostError. */
  readonly close: () => void;
}

const WANTED_FEATURES = ["timestamp-query", "subgroups", "shader-f16"] as const;
const WANTED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupsPerDimension",
] as const;
const SOFTWARE = /llvmpipe|lavapipe|softpipe|swiftshader|basic render/i;

// Dawn for Node crashes (use after free) when the object from create() or the adapter is collected.
const pinned: unknown[] = [];

function flags(options: GpuOptions): string[] {
  const enable = options.validation
    ? ["allow_unsafe_apis"]
    : ["allow_unsafe_apis", "skip_validation", "disable_robustness", "disable_workgroup_init"];
  // Dawn refuses f16 on NVIDIA's Vulkan driver unless told otherwise; the toggles are Vulkan's
  // only.
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
    // So it is when an adapter was asked for by name and none has it; the message lists those there
    // are.
    const names = [...(error as Error).message.matchAll(/name: '(.*)'/g)].map(([, name]) => name);
    if (options.adapter === undefined) throw error;
    if (names.length === 0) return null;
    throw new NoAdapterError(
      `no WebGPU adapter whose name contains "${options.adapter}"; there is ${names.join(", ")}`,
    );
  }
}

/**
 * Opens the best adapter with its full limits, the software adapter of `tools/setup` where there is
 * no other. Throws NoAdapterError when there is none at all, or none of the name that was asked
 * for, and InputError where the memory budget is no number above 0.
 */
export async function openGpu(options: GpuOptions): Promise<Gpu> {
  const budget_bytes = options.memory_budget_bytes ?? Infinity;
  if (!(budget_bytes > 0)) {
    throw new InputError(`memory_budget_bytes ${budget_bytes}: expected a number above 0`);
  }
  let adapter = await findAdapter(options);
  if (adapter === null && loadSoftwareVulkan()) adapter = await findAdapter(options);
  if (adapter === null) {
    throw new NoAdapterError(
      "no WebGPU adapter (Vulkan, Metal or D3D12); `ringdepth doctor` says how to get one",
    );
  }
  const features = WANTED_FEATURES.filter((name) => adapter.features.has(name));
  const requiredLimits: Record<string, number> = {};
  for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name];
  const device = await adapter.requestDevice({
    requiredFeatures: features,
    requiredLimits,
  });
  const state = watchDevice(device);
  return {
    get device() {
      return state.device();
    },
    facts: adapterFacts(adapter, features),
    limits: device.limits,
    memory: { live_bytes: 0, peak_bytes: 0, budget_bytes },
    check: state.check,
    unlessLost: state.unlessLost,
    lost: state.lost,
    close: state.close,
  };
}

function adapterFacts(adapter: GPUAdapter, features: readonly string[]): AdapterFacts {
  const info = adapter.info;
  // Dawn turns what is no letter or digit into dashes, the closing bracket of a version too.
  const name = (info.device || info.description || info.architecture).replace(/-+$/, "");
  const [low, high] = [info.subgroupMinSize ?? 0, info.subgroupMaxSize ?? 0];
  return {
    name,
    vendor: info.vendor,
    architecture: info.architecture,
    driver: info.description,
    software:
      info.isFallbackAdapter || SOFTWARE.test(`${name} ${info.description} ${info.architecture}`),
    subgroup_size: features.includes("subgroups") && low === high ? low : 0,
    features: new Set(features),
  };
}
