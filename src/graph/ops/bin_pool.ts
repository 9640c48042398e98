// Binomial bin probabilities averaged over a grid of tokens; none of a pixel is stored.
import { binPool as binPoolKernel, binPoolGrad } from "../../kernels/depth_bins/bin_pool.ts";
import { binomialPack } from "../../kernels/depth_bins/binomial_pack.ts";
import type { MaskedPoolAttributes } from "../../kernels/masked_pool.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";
import { logChooseOf } from "./bin_distill.ts";

/** The ops of this family, by name. Masks have no gradient. */
export const binPoolOps: {
  readonly bin_pool: Op<MaskedPoolAttributes, "pi" | "t" | "log_choose" | "mask">;
  readonly bin_pool_grad: Op<
    MaskedPoolAttributes,
    "rows" | "log_choose" | "mask" | "weight" | "d_tokens"
  >;
} = {
  bin_pool: {
    name: "bin_pool",
    inputs: ["pi", "t", "log_choose", "mask"],
    outputs: ["tokens", "weight", "rows"],
    shapes: ({ pi, t, log_choose, mask }, attributes) => {
      const { rows } = binomialPack.shapes({ pi, t, log_choose, scale: [0] }, undefined);
      const { tokens, weight } = binPoolKernel.shapes({ rows, log_choose, mask }, attributes);
      return [tokens, weight, rows];
    },
    lower: ({ inputs, outputs: [tokens, weight, rows], attributes, temporary, call }) => {
      const { pi, t, log_choose, mask } = inputs;
      const scale = temporary("scale", [0]);
      call(binomialPack, { pi, t, log_choose, scale, rows }, undefined);
      call(binPoolKernel, { rows, log_choose, mask, tokens, weight }, attributes);
    },
    gradient: ({ inputs, outputs: [, weight, rows], attributes, d_outputs: [d_tokens] }) => {
      const { log_choose, mask } = inputs;
      const [d_pi, d_t] = apply(
        binPoolOps.bin_pool_grad,
        { rows, log_choose, mask, weight, d_tokens },
        attributes,
      );
      return [d_pi, d_t, null, null];
    },
  },
  bin_pool_grad: kernelOp(
    "bin_pool_grad",
    binPoolGrad,
    ["rows", "log_choose", "mask", "weight", "d_tokens"],
    ["d_pi", "d_t"],
    null,
  ),
};

/**
 * Mean over a grid of tokens, weighted by a mask, of softmax(z) with the logits z of `logBinomial`;
 * a token with no weight is 0. pi, t [V, H, W, 1], centers [.., K] for their number of bins, mask
 * [V, H, W, 1] -> tokens [V, h w, K].
 */
export function binPool(
  { pi, t, centers, mask }: Readonly<Record<"pi" | "t" | "centers" | "mask", Value>>,
  attributes: MaskedPoolAttributes,
): Value {
  checkOptions("binPool", attributes, { grid: "numbers" });
  return apply(
    binPoolOps.bin_pool,
    { pi, t, log_choose: logChooseOf(centers), mask },
    attributes,
  )[0];
}
