// Times of the dispatches of a plan summed up by kernel. Pure.
import type { PlannedDispatch } from "../graph/prepare.ts";

/** All dispatches of one kernel in a step. */
export interface KernelTotal {
  readonly kernel: string;
  readonly dispatches: number;
  readonly time_ms: number;
  readonly flops: number;
  readonly bytes: number;
}

/** Sums up the time of each dispatch by kernel, the longest first. */
export function kernelTotals(
  dispatches: readonly Pick<PlannedDispatch, "kernel" | "cost">[],
  times_ms: readonly number[],
): KernelTotal[] {
  const totals = new Map<string, KernelTotal>();
  dispatches.forEach(({ kernel, cost }, i) => {
    const sum = totals.get(kernel) ?? { dispatches: 0, time_ms: 0, flops: 0, bytes: 0 };
    totals.set(kernel, {
      kernel,
      dispatches: sum.dispatches + 1,
      time_ms: sum.time_ms + times_ms[i],
      flops: sum.flops + cost.flops,
      bytes: sum.bytes + cost.bytes,
    });
  });
  return [...totals.values()].toSorted((a, b) => b.time_ms - a.time_ms);
}
