// Softmax over the bins at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { softmaxBins, softmaxBinsGrad } from "../../src/kernels/depth_bins/softmax_bins.ts";

const attributes = { temperature: 1 };
const logits = [6, 48, 80, 128];

/** 128 bins at half resolution. */
export const cases: readonly KernelProblem[] = [
  { name: "softmax 6x48x80x128", kernel: softmaxBins, shapes: { logits }, attributes },
  {
    name: "softmax gradient 6x48x80x128",
    kernel: softmaxBinsGrad,
    shapes: { probabilities: logits, d_probabilities: logits },
    attributes,
    // With inputs that are not probabilities, the sums would cancel below the precision of f32.
    data: { probabilities: { kind: "probabilities" } },
  },
];
