// Mesa's software adapter with one thread for its kernels instead of one a core: cores shared with
// others are undisturbed one at a time far more often than all at once.
import { availableParallelism } from "node:os";
import { openGpu, type Gpu } from "./device.ts";

const THREADS = "LP_NUM_THREADS"; // of Mesa's documented environment variables

/** A device whose kernels run on one of the `workers` threads that another has. */
export interface OneWorker {
  readonly gpu: Gpu;
  readonly workers: number;
}

/**
 * Opens the adapter of `gpu` anew with one worker; null where it is not Mesa's software adapter, the
 * only one to take a number of threads, or has one worker anyway.
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
