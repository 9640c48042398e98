// Probabilities of the depth bins. d_logits = p (d_p - sum p d_p) / temperature.
import {
  softmaxBins as softmaxBinsKernel,
  softmaxBinsGrad,
  type SoftmaxBinsAttributes,
} from "../../kernels/depth_bins/softmax_bins.ts";
import { checkOptions } from "../../tensor/options.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. */
export const softmaxBinsOps: {
  readonly softmax_bins: Op<SoftmaxBinsAttributes, "logits">;
  readonly softmax_bins_grad: Op<SoftmaxBinsAttributes, "probabilities" | "d_probabilities">;
} = {
  softmax_bins: kernelOp(
    "softmax_bins",
    softmaxBinsKernel,
    ["logits"],
    ["probabilities"],
    ({ outputs: [probabilities], attributes, d_outputs: [d_probabilities] }) =>
      apply(
        softmaxBinsOps.softmax_bins_grad,
        { probabilities, d_probabilities: d_probabilities! },
        attributes,
      ),
  ),
  softmax_bins_grad: kernelOp(
    "softmax_bins_grad",
    softmaxBinsGrad,
    ["probabilities", "d_probabilities"],
    ["d_logits"],
    null,
  ),
};

/**
 * Softmax of logits / temperature over the last axis. logits [..., K] -> probabilities of the same
 * shape.
 */
export function softmaxBins(logits: Value, temperature = 1): Value {
  checkOptions("softmaxBins", { temperature }, { temperature: "number" });
  return apply(softmaxBinsOps.softmax_bins, { logits }, { temperature })[0];
}
