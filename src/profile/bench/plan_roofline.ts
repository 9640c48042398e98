// A sequence of dispatches under the ceilings of its adapter: the minimum time of each, one after
// the other. Pure.
import type { Cost } from "../../engine/kernel.ts";
import type { Ceilings } from "../../measure/ceilings.ts";
import { bandwidthCeiling, LEAST_SHARE, type Bound } from "../../measure/roofline.ts";

/** A sequence under the ceilings. */
export interface PlanRoofline {
  readonly gflops: number;
  readonly gbytes: number;
  /**
   * The largest part of the minimum time; latency if that is not a large share of the measured
   * time.
   */
  readonly bound: Exclude<Bound, "launch">;
  /**
   * Shares of the measured time, for dispatches that memory or arithmetic bounds at the ceilings.
   */
  readonly memory_share: number;
  readonly compute_share: number;
  /**
   * Their sum, minimum time divided by measured time; launches and gaps between dispatches lower it
   * too.
   */
  readonly share: number;
}

/** The roofline of dispatches of `costs` that take `time_ms` together. */
export function planRoofline(
  costs: readonly Cost[],
  time_ms: number,
  ceilings: Ceilings,
): PlanRoofline {
  const least_ms = { memory: 0, compute: 0 };
  for (const { flops, bytes } of costs) {
    const memory_ms = bytes / bandwidthCeiling(ceilings, bytes).gbytes / 1e6;
    const compute_ms = flops / ceilings.gflops / 1e6;
    least_ms[memory_ms >= compute_ms ? "memory" : "compute"] += Math.max(memory_ms, compute_ms);
  }
  const { flops, bytes } = totalCost(costs);
  const share = (least_ms.memory + least_ms.compute) / time_ms;
  const longest = least_ms.memory >= least_ms.compute ? "memory" : "compute";
  return {
    gflops: flops / time_ms / 1e6,
    gbytes: bytes / time_ms / 1e6,
    bound: share < LEAST_SHARE ? "latency" : longest,
    memory_share: least_ms.memory / time_ms,
    compute_share: least_ms.compute / time_ms,
    share,
  };
}

/** The total work of several dispatches. */
export function totalCost(costs: readonly Cost[]): Cost {
  return {
    flops: costs.reduce((sum, { flops }) => sum + flops, 0),
    bytes: costs.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
