// Where a kernel stands under the ceilings of its adapter: what bounds it, and its share of that
// bound. Pure.
import type { Cost } from "../engine/kernel.ts";
import type { Ceilings } from "./ceilings.ts";

/**
 * What keeps a kernel from being faster. latency: below 30 % of both ceilings, it waits for launches,
 * dependencies, barriers or integer work, of which the model of flops and bytes knows nothing.
 */
export type Bound = "memory" | "compute" | "launch" | "latency";

/** Below this share of a ceiling, the ceiling is not what a kernel waits for. */
export const LEAST_SHARE = 0.3;

/** Which of the two shares bounds, latency where neither is large enough. */
function nearerCeiling(
  memory_share: number,
  compute_share: number,
): "memory" | "compute" | "latency" {
  if (Math.max(memory_share, compute_share) < LEAST_SHARE) return "latency";
  return memory_share >= compute_share ? "memory" : "compute";
}

/** A kernel's rates, and how near they come to what was measured at most. */
export interface Roofline {
  readonly gflops: number;
  readonly gbytes: number;
  /**
   * What the kernel would take longest for at the ceilings; launch where it takes little more than
   * a dispatch that does nothing; latency where it is near neither ceiling.
   */
  readonly bound: Bound;
  /** The larger of the two shares below; null where the launch bounds. */
  readonly share: number | null;
  /** Time that the bytes, or the flops, take at their ceiling by time taken. */
  readonly memory_share: number;
  readonly compute_share: number;
  /** The bandwidth that was the ceiling, at its working-set size. */
  readonly ceiling_gbytes: number;
  readonly ceiling_bytes: number;
}

// Below so many empty dispatches, time says nothing of the kernel.
const LAUNCH = 2;

/**
 * The bandwidth to hold a kernel against: of working sets no smaller than its own, or next to it,
 * the best rate that any access form reached.
 */
export function bandwidthCeiling(
  { bandwidth }: Ceilings,
  working_set_bytes: number,
): { readonly gbytes: number; readonly bytes: number } {
  const fits = bandwidth.findLastIndex((b) => b.working_set_bytes <= working_set_bytes);
  const best = bandwidth.slice(Math.max(0, fits)).map((b) => ({
    gbytes: Math.max(b.copy_gbytes, b.read_gbytes, b.triad_gbytes),
    bytes: b.working_set_bytes,
  }));
  return best.reduce((a, b) => (b.gbytes > a.gbytes ? b : a));
}

/**
 * Rates and bound of a kernel of `cost` that takes `time_ms`. With `cold` caches the ceiling is that
 * of the largest working set, else that of the bytes which the kernel touches.
 */
export function roofline(
  { flops, bytes }: Cost,
  time_ms: number,
  ceilings: Ceilings,
  cold: boolean,
): Roofline {
  const ceiling = bandwidthCeiling(ceilings, cold ? Infinity : bytes);
  const memory_share = bytes / ceiling.gbytes / 1e6 / time_ms;
  const compute_share = flops / ceilings.gflops / 1e6 / time_ms;
  const launch = time_ms < (LAUNCH * ceilings.empty_dispatch_us) / 1000;
  return {
    gflops: flops / time_ms / 1e6,
    gbytes: bytes / time_ms / 1e6,
    bound: launch ? "launch" : nearerCeiling(memory_share, compute_share),
    share: launch ? null : Math.max(memory_share, compute_share),
    memory_share,
    compute_share,
    ceiling_gbytes: ceiling.gbytes,
    ceiling_bytes: ceiling.bytes,
  };
}
