// Mesa's software adapter with one kernel thread instead of one per core: on shared cores, one core
// is free of interference far more often than all of them at once.
import { availableParallelism } from "node:os";
import type { Gpu } from "./device.ts";
import { openGpu } from "./node_device.ts";

const THREADS = "LP_NUM_THREADS"; // one of Mesa's documented environment variables

/** A device whose kernels run on one thread where the other device has `workers`. */
export interface OneWorker {
  readonly gpu: Gpu;
  readonly workers: number;
}

/**
 * Opens the adapter of `gpu` a second time with one worker; null if it is not Mesa's software
 * adapter (no other accepts a thread count) or already has one worker.
 */
export async function openOneWorker({ facts }: Pick<Gpu, "facts">): Promise<OneWorker | null> {
  const given = process.env[THREADS];
  const workers = given === undefined ? availableParallelism() : Number(given);
  if (!facts.name.startsWith("llvmpipe") || !(workers > 1)) return null;
  process.env[THREADS] = "1";
  try {
    return { gpu: await openGpu({ validation: true, adapter: "llvmpipe" }), workers };
  } finally {
    if (given === undefined) delete process.env[THREADS];
    else process.env[THREADS] = given;
  }
}
