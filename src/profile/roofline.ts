// Where a kernel stands under the ceilings of its adapter: what bounds it, and its share of that
// bound. Pure.
import type { Cost } from "../kernels/kernel.ts";
import type { Ceilings } from "./ceilings.ts";

/** A kernel's rates, and how near they come to what was measured at most. */
export interface Roofline {
  readonly gflops: number;
  readonly gbytes: number;
  /**
   * What the kernel would take longest for at the ceilings; launch where it takes little more than
   * a dispatch that does nothing.
   */
  readonly bound: "memory" | "compute" | "launch";
  /** Time at the ceilings by time taken; null where the launch bounds. */
  readonly share: number | null;
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
  const memory_ms = bytes / ceiling.gbytes / 1e6;
  const compute_ms = flops / ceilings.gflops / 1e6;
  const launch = time_ms < (LAUNCH * ceilings.empty_dispatch_us) / 1000;
  const longest = memory_ms >= compute_ms ? "memory" : "compute";
  return {
    gflops: flops / time_ms / 1e6,
    gbytes: bytes / time_ms / 1e6,
    bound: launch ? "launch" : longest,
    share: launch ? null : Math.max(memory_ms, compute_ms) / time_ms,
    ceiling_gbytes: ceiling.gbytes,
    ceiling_bytes: ceiling.bytes,
  };
}
