// The time of one training step by kernel, for the report. For decisions use the profiler: here
// every dispatch is timed only once, in a separate pass.
import type { Gpu } from "../gpu/device.ts";
import { hasTimestamps, timePasses } from "../gpu/timestamps.ts";
import type { Plan } from "../graph/plan.ts";
import type { GpuStore } from "../graph/store.ts";
import { kernelTotals } from "../measure/kernel_totals.ts";
import type { KernelTime } from "../report/report_data.ts";

/**
 * GPU time by kernel of one replayed step; empty if the adapter has no timestamps. The replay
 * trains on whatever the inputs hold, so the store is restored afterwards.
 */
export async function kernelTimes(gpu: Gpu, plan: Plan, store: GpuStore): Promise<KernelTime[]> {
  if (!hasTimestamps(gpu)) return [];
  const before = await store.read();
  const groups = plan.dispatches.map(({ dispatch }) => [dispatch]);
  const times_ms = await timePasses(gpu, groups);
  store.write(before);
  return kernelTotals(plan.dispatches, times_ms);
}
