// Depth from bin logits in one read (level 1, fused). p is made again in the gradients, never
// stored: d_logits = d_depth p (scale c - depth), d_centers = d_depth scale p, summed over the
// pixels that share a centre.
import {
  binDecode as binDecodeKernel,
  binDecodeGradCenters,
  binDecodeGradCentersSlabs,
  binDecodeGradLogits,
} from "../../kernels/bin_decode.ts";
import type { SharedCentersAttributes } from "../../kernels/bin_expectation.ts";
import { sameShape } from "../../tensor/shape.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Rules, Value } from "../value.ts";
import { addRows } from "./gemm.ts";

/** The ops of this family, by name. */
export const binDecodeOps: {
  readonly bin_decode: Op<void>;
  readonly bin_decode_grad_logits: Op<void>;
  readonly bin_decode_grad_centers: Op<void>;
  readonly bin_decode_grad_shared_centers: Op<SharedCentersAttributes>;
} = {
  bin_decode: kernelOp(
    "bin_decode",
    binDecodeKernel,
    ["logits", "centers", "scale?"],
    ["depth", "statistics"],
  ),
  bin_decode_grad_logits: kernelOp(
    "bin_decode_grad_logits",
    binDecodeGradLogits,
    ["logits", "centers", "scale?", "statistics", "depth", "d_depth"],
    ["d_logits"],
  ),
  bin_decode_grad_centers: kernelOp(
    "bin_decode_grad_centers",
    binDecodeGradCenters,
    ["logits", "scale?", "statistics", "d_depth"],
    ["d_centers"],
  ),
  bin_decode_grad_shared_centers: {
    name: "bin_decode_grad_shared_centers",
    inputs: ["logits", "scale?", "statistics", "d_depth"],
    outputs: ["d_centers"],
    shapes: ([logits], { groups }) => [[groups, 1, 1, logits.at(-1) ?? 0]],
    lower: (at) => {
      const [logits, scale, statistics, d_depth] = at.inputs;
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
  },
};

/** Their gradient rules; the scale is a number of the camera and has none. */
export const binDecodeRules: Rules<typeof binDecodeOps> = {
  bin_decode: ({ inputs, outputs: [depth, statistics], d_outputs: [d_depth], wants }) => {
    const [logits, centers, scale] = [inputs[0]!, inputs[1]!, inputs[2] ?? null];
    const saved = [logits, scale, statistics, d_depth!];
    const byCenters = (): Value =>
      (sameShape(centers.shape, logits.shape)
        ? apply(binDecodeOps.bin_decode_grad_centers, saved, undefined)
        : apply(binDecodeOps.bin_decode_grad_shared_centers, saved, {
            groups: centers.shape[0],
          }))[0];
    const byLogits = (): Value =>
      apply(
        binDecodeOps.bin_decode_grad_logits,
        [logits, centers, scale, statistics, depth, d_depth!],
        undefined,
      )[0];
    return [wants[0] ? byLogits() : null, wants[1] ? byCenters() : null, null];
  },
  bin_decode_grad_logits: null,
  bin_decode_grad_centers: null,
  bin_decode_grad_shared_centers: null,
};

/**
 * depth = scale sum_k softmax(logits)_k c_k, no probability stored. logits [V, H, W, K], centers
 * [V, H, W, K] | [V, 1, 1, K] | [1, 1, 1, K], scale [V] or none -> depth [V, H, W, 1] in their
 * units.
 */
export function binDecode(logits: Value, centers: Value, scale: Value | null = null): Value {
  return apply(binDecodeOps.bin_decode, [logits, centers, scale], undefined)[0];
}
