// Depth from the probability and temperature of a binomial over the bins (level 1, fused): no logit
// and no probability is stored, neither forward nor backward.
import { binomialDecode as binomialDecodeKernel } from "../../kernels/depth_bins/binomial_decode.ts";
import { binomialPack } from "../../kernels/depth_bins/binomial_pack.ts";
import { apply } from "../apply.ts";
import type { Op, Value } from "../value.ts";
import { binDistillOps, logChooseOf, type MaybeScaled } from "./bin_distill.ts";

/** The op of this family, by name. Its gradient is that of a distilled decode without a teacher. */
export const binomialDecodeOps: {
  readonly binomial_decode: Op<void, "pi" | "t" | "log_choose" | "centers" | "scale">;
} = {
  binomial_decode: {
    name: "binomial_decode",
    inputs: ["pi", "t", "log_choose", "centers", "scale?"],
    outputs: ["depth", "statistics", "rows"],
    shapes: ({ pi, t, log_choose, centers, scale }) => {
      const { rows } = binomialPack.shapes({ pi, t, log_choose, scale }, undefined);
      const made = binomialDecodeKernel.shapes({ rows, log_choose, centers }, undefined);
      return [made.depth, made.statistics, rows];
    },
    lower: ({ inputs, outputs, call }) => {
      const { pi, t, log_choose, centers, scale } = inputs;
      const [depth, statistics, rows] = outputs;
      call(binomialPack, { pi, t, log_choose, scale, rows }, undefined);
      call(binomialDecodeKernel, { rows, log_choose, centers, depth, statistics }, undefined);
    },
    gradient: ({ inputs, outputs, d_outputs: [d_depth], wants }) => {
      const { log_choose, centers, scale } = inputs;
      const [depth, statistics, rows] = outputs;
      const [d_pi, d_t, d_centers] = apply(
        binDistillOps.bin_distill_binomial_grad,
        {
          rows,
          log_choose,
          teacher: null,
          centers,
          scale,
          statistics,
          depth,
          d_depth,
          d_cross: null,
          d_kl: null,
        },
        { teacher: "none", by_centers: wants.centers },
      );
      return [d_pi, d_t, null, wants.centers ? d_centers : null, null];
    },
  },
};

/**
 * depth = scale sum_k softmax(z)_k c_k with the logits z of `logBinomial`, none of which is stored.
 * pi, t [V, H, W, 1], centers [V, H, W, K] | [V, 1, 1, K] | [1, 1, 1, K], scale [V] or none ->
 * depth [V, H, W, 1] in the units of the centres.
 */
export function binomialDecode(
  inputs: Readonly<Record<"pi" | "t" | "centers", Value>> & MaybeScaled,
): Value {
  const { pi, t, centers, scale = null } = inputs;
  const given = { pi, t, log_choose: logChooseOf(centers), centers, scale };
  return apply(binomialDecodeOps.binomial_decode, given, undefined)[0];
}
