// Softmax over the bins at the student's sizes.
import { softmaxBins, softmaxBinsGrad } from "../../src/kernels/depth_bins/softmax_bins.ts";
import type { BenchCase } from "../bench_case.ts";

const attributes = { temperature: 1 };
const logits = [6, 48, 80, 128];

/** 128 bins at half resolution. */
export const cases: readonly BenchCase[] = [
  { name: "softmax 6x48x80x128", kernel: softmaxBins, shapes: { logits }, attributes },
  {
    name: "softmax gradient 6x48x80x128",
    kernel: softmaxBinsGrad,
    shapes: { probabilities: logits, d_probabilities: logits },
    attributes,
    // Of numbers that are no probabilities the sums cancel to what no f32 holds.
    data: { probabilities: { kind: "probabilities" } },
  },
];
