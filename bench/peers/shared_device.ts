// Puts our device where engines look for WebGPU in a browser, so that all share device and flags.
import type { Gpu } from "../../src/gpu/device.ts";

/** Defines `navigator.gpu` with one adapter, whose device is that of `gpu`. */
export function offerDevice({ device }: Gpu): void {
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
