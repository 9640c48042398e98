// Puts our device where engines look for WebGPU in a browser, so that all share device, flags and
// the way to wait.
import type { Gpu } from "../../src/gpu/device.ts";

/**
 * Defines `navigator.gpu` with one adapter, whose device is that of `gpu`. All engines wait for the
 * queue by `gpu.settled`: the polls of this thread would otherwise take a software adapter's cores
 * from the kernels, by a share that differs from run to run.
 */
export function offerDevice(gpu: Gpu): void {
  const { device } = gpu;
  const done = device.queue.onSubmittedWorkDone.bind(device.queue);
  Object.defineProperty(device.queue, "onSubmittedWorkDone", {
    value: async () => {
      await gpu.settled(done());
    },
    configurable: true,
  });
  const adapter = {
    features: device.features,
    limits: device.limits,
    info: device.adapterInfo,
    requestDevice: async () => await Promise.resolve(device),
  };
  const value = {
    userAgent: "node",
    gpu: {
      requestAdapter: async () => await Promise.resolve(adapter),
      getPreferredCanvasFormat: () => "rgba8unorm",
    },
  };
  Object.defineProperty(globalThis, "navigator", { value, configurable: true });
  // one engine asks whether the device that it is given is one
  const type = Object.getPrototypeOf(device).constructor as unknown;
  Object.defineProperty(globalThis, "GPUDevice", { value: type, configurable: true });
}
