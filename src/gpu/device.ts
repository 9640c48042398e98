// An open device, the same in Node (node_device.ts) and in a page (page_device.ts): explicit limits,
// one uncaptured-error listener that fails the run, and device loss reported. Knows nothing of
// kernels.
import { watchDevice, type DeviceState } from "./device_state.ts";
import type { DeviceLostError } from "./errors.ts";
import { InputError } from "../tensor/error.ts";
import { checkOptions, type OptionRules } from "../tensor/options.ts";
import type { GPUAdapter, GPUDevice, GPUSupportedLimits } from "./webgpu_types.ts";

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
  /** `unlessLost` for work that may take long, during which this thread may rest. */
  readonly settled: DeviceState["unlessLost"];
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
/** The names of software adapters. */
export const SOFTWARE: RegExp = /llvmpipe|lavapipe|softpipe|swiftshader|basic render/i;

/** Waits for work of a device, as `Gpu.settled` does. */
export type Settle = <T>(gpu: Pick<Gpu, "facts" | "unlessLost">, work: Promise<T>) => Promise<T>;

/** The rules of the options that a page has too. */
export const PAGE_OPTIONS = { memory_budget_bytes: "any" } as const;

/**
 * The memory budget in the options of `opener`, whose rules are `rules`; throws InputError if one is
 * unknown or of the wrong kind, and if the budget is not a number above 0.
 */
export function memoryBudget(
  opener: string,
  options: Pick<GpuOptions, "memory_budget_bytes">,
  rules: OptionRules,
): number {
  checkOptions(opener, options, {}, rules);
  const budget_bytes = options.memory_budget_bytes ?? Infinity;
  if (typeof budget_bytes === "number" && budget_bytes > 0) return budget_bytes;
  throw new InputError(`memory_budget_bytes ${budget_bytes}: expected a number above 0`);
}

/** Opens the device of an adapter with the adapter's full limits. */
export async function openDevice(
  adapter: GPUAdapter,
  budget_bytes: number,
  settle: Settle,
): Promise<Gpu> {
  const features = WANTED_FEATURES.filter((name) => adapter.features.has(name));
  const requiredLimits: Record<string, number> = {};
  for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name];
  const device = await adapter.requestDevice({
    // the types of WebGPU do not have subgroup-size-control yet
    requiredFeatures: [...features] as GPUFeatureName[],
    requiredLimits,
  });
  const state = watchDevice(device);
  const facts = adapterFacts(adapter, features);
  const { unlessLost } = state;
  return {
    get device() {
      return state.device();
    },
    facts,
    limits: device.limits,
    memory: { live_bytes: 0, peak_bytes: 0, budget_bytes },
    check: state.check,
    unlessLost,
    settled: async (work) => await settle({ facts, unlessLost }, work),
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
