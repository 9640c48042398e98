// What the fused kernels of the log-binomial head need of each pixel, at the student's size.
import { binomialPack } from "../../src/kernels/depth_bins/binomial_pack.ts";
import type { BenchCase } from "../bench_case.ts";

const one = [6, 48, 80, 1];

/** 128 bins at half resolution. */
export const cases: readonly BenchCase[] = [
  {
    name: "6x48x80, 128 bins",
    kernel: binomialPack,
    shapes: { pi: one, t: one, log_choose: [128, 2], scale: [6] },
    attributes: undefined,
    data: {
      pi: { kind: "uniform", low: 0.001, high: 0.999 },
      t: { kind: "uniform", low: 0.5, high: 50 },
      log_choose: { kind: "log_choose" },
    },
  },
];
