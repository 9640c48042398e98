// Opens the device in a page or in one of its workers.
import { memoryBudget, openDevice, PAGE_OPTIONS, type Gpu, type GpuOptions } from "./device.ts";
import { NoAdapterError } from "./errors.ts";

/** The options of Node that a page may set too: a browser always validates and clamps. */
export type PageGpuOptions = Pick<GpuOptions, "memory_budget_bytes">;

/**
 * Opens the browser's adapter with its full limits. Throws NoAdapterError, with advice, if the
 * browser has no WebGPU or no adapter, and InputError for an unknown option and if the memory budget is
 * not a number above 0.
 */
export async function openPageGpu(options: PageGpuOptions = {}): Promise<Gpu> {
  const budget_bytes = memoryBudget("openPageGpu", options, PAGE_OPTIONS);
  const { gpu } = globalThis.navigator as { readonly gpu?: GPU };
  if (gpu === undefined) {
    throw new NoAdapterError(
      globalThis.isSecureContext
        ? "this browser has no WebGPU: use a current Chrome, Edge, Safari or Firefox"
        : "WebGPU needs a secure page: open it as http://localhost or by https",
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) {
    throw new NoAdapterError(
      "this browser has WebGPU but found no adapter for it: update the graphics driver, or allow " +
        "hardware acceleration in the browser's settings",
    );
  }
  // The browser answers by itself while this thread rests.
  return await openDevice(
    adapter,
    budget_bytes,
    async ({ unlessLost }, work) => await unlessLost(work),
  );
}
