// Opens the adapter and device, once per process: explicit limits, one uncaptured-error listener
// that fails the run, and device loss reported. Knows nothing of kernels.
import { create, globals } from "webgpu";
import { watchDevice, type DeviceState } from "./device_state.ts";
import { NoAdapterError, type DeviceLostError } from "./errors.ts";
import { InputError } from "../tensor/error.ts";
import { loadSoftwareVulkan } from "./software_adapter.ts";
import type { GPUDevice, GPUSupportedLimits } from "./webgpu_types.ts";

/** How to open the device. */
export interface GpuOptions {
  /** Validate every call (tests and training); off for benchmarks, where it only costs CPU time. */
  readonly validation: boolean;
  /** Part of the adapter's name, for a machine with several. */
  readonly adapter?: string;
  /**
   * Clamp every index to its binding in the shader. Without this, drivers may drop the access; with
   * it, a stray access always reaches the last word of the binding. For `check` and tests.
   */
  readonly clamp_indices?: boolean;
  /** Dawn's own toggles to turn on, such as `disable_robustness`. */
  readonly toggles?: readonly string[];
  /**
   * The most bytes that all live buffers may use together; beyond it, creation is refused.
   * Unlimited if left out.
   */
  readonly memory_budget_bytes?: number;
}

/** The facts about an adapter that mapping rules and reports may use. */
export interface AdapterFacts {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly driver: string;
  /** A CPU that acts as a GPU (lavapipe, SwiftShader): different mappings are fast on it. */
  readonly software: boolean;
  /** Subgroup width if the adapter has exactly one, else 0. */
  readonly subgroup_size: number;
  /** The narrowest and the widest subgroup of the adapter, 0 if it has none. */
  readonly subgroup_min_size: number;
  readonly subgroup_max_size: number;
  readonly features: ReadonlySet<string>;
  /** Sizes of the matrices that a subgroup multiplies, f16 by f16 into f32, the largest first. */
  readonly matrices: readonly MatrixSize[];
}

/** A product of subgroup matrices: [m, k] by [k, n]. */
export interface MatrixSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Bytes of live buffers. */
export interface GpuMemory {
  live_bytes: number;
  /** The peak so far. */
  peak_bytes: number;
  /** The budget, Infinity if there is none. */
  readonly budget_bytes: number;
}

/** An open device and everything that belongs to it for its whole life. */
export interface Gpu {
  /**
   * The device; throws DeviceLostError once it is lost or closed, or the first error that it
   * reported.
   */
  readonly device: GPUDevice;
  readonly facts: AdapterFacts;
  readonly limits: GPUSupportedLimits;
  /**
   * A second device of the adapter, opened with `clamp_indices`, for when kernels are timed on this
   * one and also need checking for stray accesses.
   */
  readonly clamped?: Gpu;
  /** The memory account that `createBuffer` updates. */
  readonly memory: GpuMemory;
  /**
   * Throws the first error that the device has reported since it was opened, including its loss.
   */
  readonly check: DeviceState["check"];
  /**
   * The result of `work` on the device; rejects with the device's error as soon as there is one.
   */
  readonly unlessLost: DeviceState["unlessLost"];
  /** Resolves with the error when the device is lost (not when it is closed). */
  readonly lost: Promise<DeviceLostError>;
  /** Ends the device; every later call fails with DeviceLostError. */
  readonly close: () => void;
}

const WANTED_FEATURES = [
  "timestamp-query",
  "subgroups",
  "subgroup-size-control",
  "shader-f16",
  // not in WebGPU's standard yet
  "chromium-experimental-subgroup-matrix" as GPUFeatureName,
] as const;
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
 * InputError if the memory budget is not a number above 0.
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
    // the types of WebGPU do not have subgroup-size-control yet
    requiredFeatures: [...features] as GPUFeatureName[],
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
  // Dawn replaces everything except letters and digits with dashes, even the closing bracket of a
  // version.
  const name = (info.device || info.description || info.architecture).replace(/-+$/, "");
  const subgroups = features.includes("subgroups");
  const [low, high] = subgroups ? [info.subgroupMinSize ?? 0, info.subgroupMaxSize ?? 0] : [0, 0];
  return {
    name,
    vendor: info.vendor,
    architecture: info.architecture,
    driver: info.description,
    software:
      info.isFallbackAdapter || SOFTWARE.test(`${name} ${info.description} ${info.architecture}`),
    subgroup_size: low === high ? low : 0,
    subgroup_min_size: low,
    subgroup_max_size: high,
    features: new Set(features),
    matrices: features.includes("chromium-experimental-subgroup-matrix") ? matricesOf(info) : [],
  };
}

/** The part of `GPUAdapterInfo` that Dawn adds for subgroup matrices. */
interface MatrixInfo {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
}

function matricesOf(info: GPUAdapterInfo): MatrixSize[] {
  const { subgroupMatrixConfigs = [] } = info as MatrixInfo;
  return [...subgroupMatrixConfigs]
    .filter((one) => one.componentType === "f16" && one.resultComponentType === "f32")
    .map(({ M, N, K }) => ({ m: M, n: N, k: K }))
    .toSorted((a, b) => b.m * b.n * b.k - a.m * a.n * a.k);
}
