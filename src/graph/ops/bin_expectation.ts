// Depth as the expectation of bin centres under given probabilities (level 0, unfused).
// d_probabilities = d_depth scale c, d_centers = d_depth scale p, summed over the pixels that share
// a centre.
import {
  binExpectation as binExpectationKernel,
  binExpectationGrad,
  binExpectationGradSlabs,
  type SharedCentersAttributes,
} from "../../kernels/depth_bins/bin_expectation.ts";
import { sameShape } from "../../tensor/shape.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";
import { addRows } from "./gemm.ts";

/** The ops of this family, by name. The scale is a number of the camera and has no gradient. */
export const binExpectationOps: {
  readonly bin_expectation: Op<void, "probabilities" | "centers" | "scale">;
  readonly bin_expectation_grad: Op<void, "factor" | "d_depth" | "scale">;
  readonly bin_expectation_grad_shared: Op<
    SharedCentersAttributes,
    "probabilities" | "d_depth" | "scale"
  >;
} = {
  bin_expectation: kernelOp(
    "bin_expectation",
    binExpectationKernel,
    ["probabilities", "centers", "scale?"],
    ["depth"],
    ({ inputs: { probabilities, centers, scale }, d_outputs: [d_depth], wants }) => {
      const { bin_expectation_grad, bin_expectation_grad_shared } = binExpectationOps;
      const each = sameShape(centers!.shape, probabilities!.shape);
      const by = (factor: Value): Value =>
        apply(bin_expectation_grad, { factor, d_depth: d_depth!, scale: scale! }, undefined)[0];
      const shared = (): Value =>
        apply(
          bin_expectation_grad_shared,
          { probabilities: probabilities!, d_depth: d_depth!, scale: scale! },
          {
            groups: centers!.shape[0],
          },
        )[0];
      return [
        wants.probabilities ? by(centers!) : null,
        wants.centers ? (each ? by(probabilities!) : shared()) : null,
        null,
      ];
    },
  ),
  bin_expectation_grad: kernelOp(
    "bin_expectation_grad",
    binExpectationGrad,
    ["factor", "d_depth", "scale?"],
    ["d_x"],
    null,
  ),
  bin_expectation_grad_shared: {
    name: "bin_expectation_grad_shared",
    inputs: ["probabilities", "d_depth", "scale?"],
    outputs: ["d_centers"],
    shapes: ({ probabilities }, { groups }) => [[groups, 1, 1, probabilities.at(-1) ?? 0]],
    lower: (at) => {
      const { probabilities, d_depth, scale } = at.inputs;
      const from = { probabilities, d_depth, scale };
      const { partials: shape } = binExpectationGradSlabs.shapes(
        { probabilities: probabilities.shape, d_depth: d_depth.shape, scale: scale.shape },
        at.attributes,
      );
      const partials = at.temporary("partials", shape);
      at.call(binExpectationGradSlabs, { ...from, partials }, at.attributes);
      addRows(at, partials, at.outputs[0]);
    },
    gradient: null,
  },
};

/**
 * depth = scale sum_k p_k c_k. probabilities [V, H, W, K], centers [V, H, W, K] | [V, 1, 1, K] |
 * [1, 1, 1, K], scale [V] or none -> depth [V, H, W, 1] in the units of the centres.
 */
export function binExpectation(
  probabilities: Value,
  centers: Value,
  scale: Value | null = null,
): Value {
  return apply(binExpectationOps.bin_expectation, { probabilities, centers, scale }, undefined)[0];
}
