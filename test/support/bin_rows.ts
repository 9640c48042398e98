// Rows of `bench bins` with given times, to test code that evaluates them.
import type { BinRow } from "../../src/profile/bench/bins_bench.ts";

/** A correct row of one level; its step takes `time_ms`, its ratio is relative to 100 ms. */
export function binRow(level: BinRow["level"], time_ms: number, changes: Partial<BinRow>): BinRow {
  const ratio = 100 / time_ms;
  return {
    views: 6,
    height: 48,
    width: 80,
    bins: 128,
    student: "binomial",
    channels: 0,
    centers: "image",
    way: `level ${level}`,
    level,
    direction: "both",
    error: "",
    depth_error: 1e-6,
    gradient_error: 1e-6,
    timing: null,
    time: {
      median_ms: time_ms,
      low_ms: 0.9 * time_ms,
      high_ms: 1.2 * time_ms,
      noise: 0.15,
      drift: 0,
      samples: 7,
      batch: 1,
      converged: true,
      trusted: true,
    },
    ratio: level === 0 ? null : { median: ratio, low: 0.9 * ratio, high: 1.1 * ratio },
    dispatches: 3,
    flops: 1e9,
    bytes: 1e8,
    between_bytes: 1e7,
    peak_bytes: level === 0 ? 8e7 : 2e7,
    roofline: null,
    ...changes,
  };
}
