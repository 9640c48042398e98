// TensorFlow.js on our own device: installed beside the bench on first use, never a dependency of
// the package.
// Says only what the comparison needs of it; TensorFlow.js is Google's, under Apache-2.0.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Gpu } from "../../src/gpu/device.ts";
import { InputError } from "../../src/tensor/error.ts";
import type { Shape } from "../../src/tensor/shape.ts";

/** The version compared with. */
export const TFJS_VERSION = "4.22.0";
const PACKAGES = ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-webgpu"] as const;
const CACHE = fileURLToPath(new URL("../../.cache/rivals/", import.meta.url));

/** A tensor of TensorFlow.js. */
export interface TfTensor {
  readonly data: () => Promise<Float32Array>;
  readonly dispose: () => void;
}

/** The part of `@tensorflow/tfjs` that the comparison calls. */
export interface Tf {
  readonly tensor: (values: Float32Array, shape: Shape) => TfTensor;
  readonly tidy: (make: () => TfTensor) => TfTensor;
  readonly matMul: (a: TfTensor, b: TfTensor, transposeA: boolean, transposeB: boolean) => TfTensor;
  readonly softmax: (x: TfTensor) => TfTensor;
  readonly mul: (a: TfTensor, b: TfTensor) => TfTensor;
  readonly sum: (x: TfTensor, axis: number) => TfTensor;
  readonly setBackend: (name: string) => Promise<boolean>;
  readonly backend: () => TfWebGpuBackend;
  readonly engine: () => {
    readonly runKernel: (
      name: string,
      inputs: Readonly<Record<string, TfTensor>>,
      attributes: Readonly<Record<string, unknown>>,
    ) => TfTensor;
  };
}

/** What is private in its WebGPU backend and needed to know when work is done. */
interface TfWebGpuBackend {
  readonly commandEncoder: GPUCommandEncoder | null;
  readonly endComputePassEncoder: () => void;
  readonly submitQueue: () => void;
}

/** TensorFlow.js, and a way to wait until the GPU has done what it recorded. */
export interface Tfjs {
  readonly tf: Tf;
  readonly finish: () => Promise<void>;
}

/**
 * Loads TensorFlow.js with its WebGPU backend on the device of `gpu`; installs it first where it is
 * missing.
 */
export async function loadTfjs(gpu: Gpu): Promise<Tfjs> {
  for (const name of PACKAGES) if (installedVersion(name) !== TFJS_VERSION) install();
  offerDevice(gpu);
  const load = createRequire(join(CACHE, "package.json"));
  const tf = load(PACKAGES[0]) as Tf;
  load(PACKAGES[1]); // registers itself as "webgpu"
  if (!(await tf.setBackend("webgpu"))) {
    throw new Error("TensorFlow.js did not take its WebGPU backend");
  }
  const backend = tf.backend();
  const finish = async (): Promise<void> => {
    backend.endComputePassEncoder();
    if (backend.commandEncoder !== null) backend.submitQueue();
    await gpu.device.queue.onSubmittedWorkDone();
  };
  return { tf, finish };
}

/**
 * Puts our device where TensorFlow.js looks for WebGPU in a browser, so that both sides share
 * device and flags.
 */
function offerDevice({ device }: Gpu): void {
  const adapter = {
    features: device.features,
    limits: device.limits,
    info: device.adapterInfo,
    requestDevice: async () => await Promise.resolve(device),
  };
  const value = {
    userAgent: "node",
    gpu: { requestAdapter: async () => await Promise.resolve(adapter) },
  };
  Object.defineProperty(globalThis, "navigator", { value, configurable: true });
}

function installedVersion(name: string): string | null {
  const file = join(CACHE, "node_modules", name, "package.json");
  if (!existsSync(file)) return null;
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

function install(): void {
  const wanted = PACKAGES.map((name) => `${name}@${TFJS_VERSION}`);
  process.stderr.write(`installing ${wanted.join(" and ")} into .cache/rivals\n`);
  const options = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts"];
  const { status } = spawnSync("npm", ["install", "--prefix", CACHE, ...options, ...wanted], {
    stdio: ["ignore", process.stderr, process.stderr],
    shell: process.platform === "win32", // npm is a .cmd there
  });
  if (status !== 0) {
    throw new InputError(`npm could not install ${wanted.join(", ")}: is the registry reachable?`);
  }
}
