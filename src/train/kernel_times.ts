// Where the time of one training step goes, by kernel, for the report. The ground for decisions is
// the profiler: here every dispatch is timed in a pass of its own, once.
import type { Gpu } from "../gpu/device.ts";
import { hasTimestamps, timePasses } from "../gpu/timestamps.ts";
import type { Plan } from "../graph/plan.ts";
import type { GpuStore } from "../graph/store.ts";
import type { KernelTime } from "../report/report_data.ts";

/**
 * GPU time by kernel of one replayed step; empty where the adapter has no timestamps. The replay
 * trains on whatever the inputs hold, so the store is put back as it was.
 */
export async function kernelTimes(gpu: Gpu, plan: Plan, store: GpuStore): Promise<KernelTime[]> {
  if (!hasTimestamps(gpu)) return [];
  const before = await store.read();
  const groups = plan.dispatches.map(({ dispatch }) => [dispatch]);
  const times_ms = await timePasses(gpu, groups);
  store.write(before);
  const kernels = new Map<string, KernelTime>();
  plan.dispatches.forEach(({ kernel, cost }, i) => {
    const sum = kernels.get(kernel) ?? { dispatches: 0, time_ms: 0, flops: 0, bytes: 0 };
    kernels.set(kernel, {
      kernel,
      dispatches: sum.dispatches + 1,
      time_ms: sum.time_ms + times_ms[i],
      flops: (sum.flops ?? 0) + cost.flops,
      bytes: (sum.bytes ?? 0) + cost.bytes,
    });
  });
  return [...kernels.values()];
}
