// Depth from bin logits in one read (level 1, fused). The gradients recompute p, which is never
// stored: d_logits = d_depth p (scale c - depth), d_centers = d_depth scale p, summed over the
// pixels that share a centre.
import {
  binDecode as binDecodeKernel,
  binDecodeGradCenters,
  binDecodeGradCentersSlabs,
  binDecodeGradLogits,
} from "../../kernels/depth_bins/bin_decode.ts";
import type { SharedCentersAttributes } from "../../kernels/depth_bins/bin_expectation.ts";
import { sameShape } from "../../tensor/shape.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";
import { addRows } from "./gemm.ts";

/** The ops of this family, by name. The scale is a number of the camera and has no gradient. */
export const binDecodeOps: {
  readonly bin_decode: Op<void, "logits" | "centers" | "scale">;
  readonly bin_decode_grad_logits: Op<
    void,
    "logits" | "centers" | "scale" | "statistics" | "depth" | "d_depth"
  >;
  readonly bin_decode_grad_centers: Op<void, "logits" | "scale" | "statistics" | "d_depth">;
  readonly bin_decode_grad_shared_centers: Op<
    SharedCentersAttributes,
    "logits" | "scale" | "statistics" | "d_depth"
  >;
} = {
  bin_decode: kernelOp(
    "bin_decode",
    binDecodeKernel,
    ["logits", "centers", "scale?"],
    ["depth", "statistics"],
    ({ inputs, outputs: [depth, statistics], d_outputs: [d_depth], wants }) => {
      const [logits, centers, scale] = [inputs.logits!, inputs.centers!, inputs.scale ?? null];
      const saved = { logits, scale, statistics, d_depth: d_depth! };
      const byCenters = (): Value =>
        (sameShape(centers.shape, logits.shape)
          ? apply(binDecodeOps.bin_decode_grad_centers, saved, undefined)
          : apply(binDecodeOps.bin_decode_grad_shared_centers, saved, {
              groups: centers.shape[0],
            }))[0];
      const byLogits = (): Value =>
        apply(
          binDecodeOps.bin_decode_grad_logits,
          { logits, centers, scale, statistics, depth, d_depth: d_depth! },
          undefined,
        )[0];
      return [wants.logits ? byLogits() : null, wants.centers ? byCenters() : null, null];
    },
  ),
  bin_decode_grad_logits: kernelOp(
    "bin_decode_grad_logits",
    binDecodeGradLogits,
    ["logits", "centers", "scale?", "statistics", "depth", "d_depth"],
    ["d_logits"],
    null,
  ),
  bin_decode_grad_centers: kernelOp(
    "bin_decode_grad_centers",
    binDecodeGradCenters,
    ["logits", "scale?", "statistics", "d_depth"],
    ["d_centers"],
    null,
  ),
  bin_decode_grad_shared_centers: {
    name: "bin_decode_grad_shared_centers",
    inputs: ["logits", "scale?", "statistics", "d_depth"],
    outputs: ["d_centers"],
    shapes: ({ logits }, { groups }) => [[groups, 1, 1, logits.at(-1) ?? 0]],
    lower: (at) => {
      const { logits, scale, statistics, d_depth } = at.inputs;
      const { partials: shape } = binDecodeGradCentersSlabs.shapes(
        {
          logits: logits.shape,
          scale: scale.shape,
          statistics: statistics.shape,
          d_depth: d_depth.shape,
        },
        at.attributes,
      );
      const partials = at.temporary("partials", shape);
      at.call(
        binDecodeGradCentersSlabs,
        { logits, scale, statistics, d_depth, partials },
        at.attributes,
      );
      addRows(at, partials, at.outputs[0]);
    },
    gradient: null,
  },
};

/**
 * depth = scale sum_k softmax(logits)_k c_k, no probability stored. logits [V, H, W, K], centers
 * [V, H, W, K] | [V, 1, 1, K] | [1, 1, 1, K], scale [V] or none -> depth [V, H, W, 1] in their
 * units.
 */
export function binDecode(logits: Value, centers: Value, scale: Value | null = null): Value {
  return apply(binDecodeOps.bin_decode, { logits, centers, scale }, undefined)[0];
}
