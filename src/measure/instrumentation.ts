// The profiler's own cost: the timestamps at either end of a pass, compared with the same pass
// without them.
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { ceilingCopy } from "../kernels/ceiling.ts";
import { prepareKernel } from "../engine/run.ts";
import { median } from "./statistics.ts";

const PASSES = 100;
const ROUNDS = 15;

/**
 * Microseconds that two timestamps add to a pass, from the wall time of many small passes with and
 * without them; no time in a profile includes them.
 */
export async function stampCost_us(gpu: Gpu): Promise<number> {
  const { device } = gpu;
  const x = new Float32Array(4);
  const copy = await prepareKernel(gpu, ceilingCopy, { x }, { x: [4] }, { runs: false });
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 * PASSES });
  try {
    const plain = async (): Promise<number> => await wallTime_us(gpu, copy.dispatch, null);
    const stamped = async (): Promise<number> => await wallTime_us(gpu, copy.dispatch, querySet);
    await plain();
    await stamped();
    const added: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const before = await plain();
      added.push((await stamped()) - (before + (await plain())) / 2);
    }
    gpu.check();
    return median(added);
  } finally {
    querySet.destroy();
    copy.destroy();
  }
}

/** Wall time of one pass among many, from the first call to the end of the work. */
async function wallTime_us(
  { device }: Gpu,
  dispatch: PreparedDispatch,
  querySet: GPUQuerySet | null,
): Promise<number> {
  const started = performance.now();
  const encoder = device.createCommandEncoder({ label: "stamps" });
  for (let i = 0; i < PASSES; i++) {
    const [beginningOfPassWriteIndex, endOfPassWriteIndex] = [2 * i, 2 * i + 1];
    const stamps = { querySet: querySet!, beginningOfPassWriteIndex, endOfPassWriteIndex };
    encodePass(encoder, "stamps", [dispatch], querySet === null ? undefined : stamps);
  }
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  return (1000 * (performance.now() - started)) / PASSES;
}
