// Mean of the elements that a mask lets through. d_x = d_mean / count where it does.
import {
  maskedMean as maskedMeanKernel,
  maskedMeanFinish,
  maskedMeanGrad,
} from "../../kernels/masked_mean.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Lowering, Op, Rules, Tensor, Value } from "../value.ts";

/** The ops of this family, by name. */
export const maskedMeanOps: {
  readonly masked_mean: Op<void>;
  readonly masked_mean_grad: Op<void>;
} = {
  masked_mean: {
    name: "masked_mean",
    inputs: ["x", "mask"],
    outputs: ["mean", "count"],
    shapes: ([x, mask]) => {
      maskedMeanKernel.shapes({ x, mask }, undefined);
      return [[1], [1]];
    },
    lower: (at) => {
      lowerMaskedMean(at, at.inputs[0], at.inputs[1], at.outputs[0], at.outputs[1]);
    },
  },
  masked_mean_grad: kernelOp(
    "masked_mean_grad",
    maskedMeanGrad,
    ["mask", "count", "d_mean"],
    ["d_x"],
  ),
};

/** Their gradient rules; the count has none, nor has the mask. */
export const maskedMeanRules: Rules<typeof maskedMeanOps> = {
  masked_mean: ({ inputs: [, mask], outputs: [, count], d_outputs: [d_mean] }) => [
    apply(maskedMeanOps.masked_mean_grad, [mask!, count, d_mean!], undefined)[0],
    null,
  ],
  masked_mean_grad: null,
};

/** Adds the calls that end a masked loss: x, mask [any] -> mean, count [1]. */
export function lowerMaskedMean(
  at: Pick<Lowering<unknown>, "temporary" | "call">,
  x: Tensor,
  mask: Tensor,
  mean: Tensor,
  count: Tensor,
): void {
  const { partials: shape } = maskedMeanKernel.shapes({ x: x.shape, mask: mask.shape }, undefined);
  const partials = at.temporary("partials", shape);
  at.call(maskedMeanKernel, { x, mask, partials }, undefined);
  at.call(maskedMeanFinish, { partials, mean, count }, undefined);
}

/**
 * Mean of x over mask > 0, 0 of nothing, and how many there were. x, mask [any] -> mean, count [1].
 */
export function maskedMean(x: Value, mask: Value): { readonly mean: Value; readonly count: Value } {
  const [mean, count] = apply(maskedMeanOps.masked_mean, [x, mask], undefined);
  return { mean, count };
}
