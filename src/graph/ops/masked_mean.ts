// Mean of the elements that a mask keeps. d_x = d_mean / count there.
import {
  maskedMean as maskedMeanKernel,
  maskedMeanFinish,
  maskedMeanGrad,
} from "../../kernels/masked_mean.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Lowering, Op, Tensor, Value } from "../value.ts";

/** The ops of this family, by name. Neither count nor mask has a gradient. */
export const maskedMeanOps: {
  readonly masked_mean: Op<void, "x" | "mask">;
  readonly masked_mean_grad: Op<void, "mask" | "count" | "d_mean">;
} = {
  masked_mean: {
    name: "masked_mean",
    inputs: ["x", "mask"],
    outputs: ["mean", "count"],
    shapes: ({ x, mask }) => {
      maskedMeanKernel.shapes({ x, mask }, undefined);
      return [[1], [1]];
    },
    lower: (at) => {
      const [mean, count] = at.outputs;
      lowerMaskedMean(at, { ...at.inputs, mean, count });
    },
    gradient: ({ inputs: { mask }, outputs: [, count], d_outputs: [d_mean] }) => [
      apply(maskedMeanOps.masked_mean_grad, { mask: mask!, count, d_mean: d_mean! }, undefined)[0],
      null,
    ],
  },
  masked_mean_grad: kernelOp(
    "masked_mean_grad",
    maskedMeanGrad,
    ["mask", "count", "d_mean"],
    ["d_x"],
    null,
  ),
};

/** Adds the last calls of a masked loss: x, mask [any] -> mean, count [1]. */
export function lowerMaskedMean(
  at: Pick<Lowering<unknown>, "temporary" | "call">,
  { x, mask, mean, count }: Readonly<Record<"x" | "mask" | "mean" | "count", Tensor>>,
): void {
  const { partials: shape } = maskedMeanKernel.shapes({ x: x.shape, mask: mask.shape }, undefined);
  const partials = at.temporary("partials", shape);
  at.call(maskedMeanKernel, { x, mask, partials }, undefined);
  at.call(maskedMeanFinish, { partials, mean, count }, undefined);
}

/**
 * Mean of x over mask > 0 (0 if there are no elements), and their count. x, mask [any] -> mean,
 * count [1].
 */
export function maskedMean(x: Value, mask: Value): { readonly mean: Value; readonly count: Value } {
  const [mean, count] = apply(maskedMeanOps.masked_mean, { x, mask }, undefined);
  return { mean, count };
}
