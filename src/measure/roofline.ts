// The position of a kernel under the ceilings of its adapter: what bounds it, and its share of that
// bound. Pure.
import type { Cost } from "../engine/kernel.ts";
import type { Ceilings } from "./ceilings.ts";

/**
 * The limit on a kernel's speed. latency: below 30 % of both ceilings, it waits for launches,
 * dependencies, barriers or integer work, which the model of flops and bytes does not cover.
 */
export type Bound = "memory" | "compute" | "launch" | "latency";

/** Below this share of a ceiling, the ceiling is not the limit of a kernel. */
export const LEAST_SHARE = 0.3;

/** The larger of the two shares names the bound; latency if neither is large enough. */
function nearerCeiling(
  memory_share: number,
  compute_share: number,
): "memory" | "compute" | "latency" {
  if (Math.max(memory_share, compute_share) < LEAST_SHARE) return "latency";
  return memory_share >= compute_share ? "memory" : "compute";
}

/** A kernel's rates, and how close they come to the measured maxima. */
export interface Roofline {
  readonly gflops: number;
  readonly gbytes: number;
  /**
   * The resource that would take longest at the ceilings; launch if the kernel takes little more
   * than a dispatch that does nothing; latency if it is near neither ceiling.
   */
  readonly bound: Bound;
  /** The larger of the two shares below; null if the launch bounds. */
  readonly share: number | null;
  /** Time that the bytes, or the flops, take at their ceiling, divided by the measured time. */
  readonly memory_share: number;
  readonly compute_share: number;
  /** The bandwidth used as the ceiling, at its working-set size. */
  readonly ceiling_gbytes: number;
  readonly ceiling_bytes: number;
}

// Below this many empty dispatches, a time says nothing about the kernel.
const LAUNCH = 2;

/**
 * The bandwidth to compare a kernel with: the best rate of any access form, over working sets at
 * least as large as the kernel's or next to it.
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
 * Rates and bound of a kernel of `cost` that takes `time_ms`. With `cold` caches the ceiling is
 * that of the largest working set, else that of the bytes that the kernel touches.
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
