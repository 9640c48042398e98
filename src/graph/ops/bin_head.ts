// Depth from features (level 2, fused): the last 1x1 convolution is part of the decode. The
// gradients recompute the logits, which are never stored.
import {
  binHead as binHeadKernel,
  binHeadGradFeatures,
  binHeadGradWeight,
} from "../../kernels/depth_bins/bin_head.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";
import { lowerFactors, type MaybeScaled } from "./bin_distill.ts";
import { addRows } from "./gemm.ts";

/** The ops of this family, by name. The scale is a number of the camera and has no gradient. */
export const binHeadOps: {
  readonly bin_head: Op<void, "features" | "weight" | "bias" | "centers" | "scale">;
  readonly bin_head_grad: Op<
    void,
    "features" | "weight" | "bias" | "centers" | "scale" | "statistics" | "depth" | "d_depth"
  >;
} = {
  bin_head: kernelOp(
    "bin_head",
    binHeadKernel,
    ["features", "weight", "bias?", "centers", "scale?"],
    ["depth", "statistics"],
    ({ inputs, outputs: [depth, statistics], d_outputs: [d_depth] }) => {
      const [d_features, d_weight, d_bias, d_centers] = apply(
        binHeadOps.bin_head_grad,
        { ...inputs, statistics, depth, d_depth },
        undefined,
      );
      return [d_features, d_weight, inputs.bias === null ? null : d_bias, d_centers, null];
    },
  ),
  bin_head_grad: {
    name: "bin_head_grad",
    inputs: ["features", "weight", "bias?", "centers", "scale?", "statistics", "depth", "d_depth"],
    outputs: ["d_features", "d_weight", "d_bias", "d_centers"],
    shapes: ({ features, weight, bias, centers, scale }) => {
      binHeadKernel.shapes({ features, weight, bias, centers, scale }, undefined);
      return [features, weight, weight.slice(0, 1), centers];
    },
    lower: (at) => {
      const { features, weight, bias, centers } = at.inputs;
      const [d_features, d_weight, d_bias, d_centers] = at.outputs;
      const absent = at.temporary("absent", [0]);
      const factors = lowerFactors(at, { ...at.inputs, d_cross: absent, d_kl: absent });
      const given = { features, weight, bias, centers, factors };
      at.call(binHeadGradFeatures, { ...given, d_features }, undefined);
      const made = binHeadGradWeight.shapes(
        {
          features: features.shape,
          weight: weight.shape,
          bias: bias.shape,
          centers: centers.shape,
          factors: factors.shape,
        },
        undefined,
      );
      const weights = at.temporary("weights", made.d_weight);
      const biases = at.temporary("biases", made.d_bias);
      const partials = at.temporary("partials", made.d_centers);
      const sums = { d_weight: weights, d_bias: biases, d_centers: partials };
      at.call(binHeadGradWeight, { ...given, ...sums }, undefined);
      const [slabs, bins, channels] = made.d_weight;
      addRows(at, at.view(weights, [1, slabs, bins * channels]), d_weight);
      addRows(at, at.view(biases, [1, slabs, bins]), d_bias);
      addRows(at, partials, d_centers);
    },
    gradient: null,
  },
};

/**
 * depth = scale sum_k softmax(z)_k c_k, z = features weight^T + bias, no logit stored. features
 * [V, H, W, C], weight [K, 1, 1, C], bias [K] or none, centers [V, 1, 1, K] | [1, 1, 1, K], scale
 * [V] or none -> depth [V, H, W, 1] in the units of the centres.
 */
export function binHead(
  inputs: Readonly<Record<"features" | "weight" | "centers", Value>> &
    MaybeScaled & { readonly bias: Value | null },
): Value {
  const { features, weight, bias, centers, scale = null } = inputs;
  return apply(binHeadOps.bin_head, { features, weight, bias, centers, scale }, undefined)[0];
}
