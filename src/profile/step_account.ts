// What one step costs and where its time goes, as it is shown.
import type { Roofline } from "./roofline.ts";
import type { Estimate } from "./statistics.ts";

/** GPU time of one kernel in a step. */
export interface StepKernel {
  readonly kernel: string;
  readonly dispatches: number;
  readonly time_ms: number;
  readonly share: number;
  readonly flops: number;
  readonly bytes: number;
  readonly roofline: Roofline | null;
}

/** Where the wall time of one step goes; times in milliseconds are medians over the steps. */
export interface StepAccount {
  readonly target: "step:train" | "step:predict";
  readonly what: string; // e.g. "nano on rig, 6x64x128, 452 dispatches"
  readonly steps: number; // measured
  /** Wall time of a step by itself, nothing overlapped, with its interval. */
  readonly wall: Estimate; // from statistics.ts, ms
  /** In order of the step: host, upload, encode, launch, gpu, read back, then unaccounted. */
  readonly parts: readonly {
    readonly name: string;
    readonly time_ms: number;
    readonly share: number;
  }[];
  readonly unaccounted: number; // share of wall
  /** GPU time by kernel: passes of their own, largest first; shares are of their sum. */
  readonly kernels: readonly StepKernel[]; // {kernel, dispatches, time_ms, share, flops, bytes, roofline: Roofline | null}
  /** Sum of the passes of their own by the one pass of the account, less 1. */
  readonly instrumentation: number;
  /** A step of the loop as it trains (the next batch prepared while the GPU works), ms. */
  readonly overlapped: Estimate;
  readonly bound: "GPU" | "CPU"; // what the overlapped loop waits for
  readonly drift: number;
}
