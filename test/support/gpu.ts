// One validated device for the whole test process: a second Dawn instance costs seconds on a
// software adapter. Its indices are clamped, so that the check of kernels finds every stray access.
import type { Gpu } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";

export const gpu: Gpu = await openGpu({ validation: true, clamp_indices: true });
