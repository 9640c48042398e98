// Supervised losses in metres over the valid pixels of all views: absolute error (L1) and reverse
// Huber (berHu). d_depth = d_loss scale / count times sign(e), or e / c where |e| > c.
import {
  depthError as depthErrorKernel,
  depthErrorGrad,
  depthErrorPeak,
  depthErrorThreshold,
  type DepthErrorAttributes,
} from "../../kernels/depth_error.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";
import { maskedMean } from "./masked_mean.ts";

type Maps = "depth" | "depth_m" | "valid";

/** The ops of this family, by name. Only depth has a gradient; the threshold counts as a constant. */
export const depthErrorOps: {
  readonly depth_error: Op<DepthErrorAttributes, Maps | "threshold">;
  readonly depth_error_grad: Op<DepthErrorAttributes, Maps | "threshold" | "d_cost">;
  readonly depth_error_threshold: Op<void, Maps>;
} = {
  depth_error: kernelOp(
    "depth_error",
    depthErrorKernel,
    ["depth", "depth_m", "valid", "threshold?"],
    ["cost"],
    ({ inputs, attributes, d_outputs: [d_cost] }) => [
      apply(depthErrorOps.depth_error_grad, { ...inputs, d_cost: d_cost! }, attributes)[0],
      null,
      null,
      null,
    ],
  ),
  depth_error_grad: kernelOp(
    "depth_error_grad",
    depthErrorGrad,
    ["depth", "depth_m", "valid", "threshold?", "d_cost"],
    ["d_depth"],
    null,
  ),
  depth_error_threshold: {
    name: "depth_error_threshold",
    inputs: ["depth", "depth_m", "valid"],
    outputs: ["threshold"],
    shapes: (inputs) => {
      depthErrorPeak.shapes(inputs, undefined);
      return [[1]];
    },
    lower: ({ inputs: { depth, depth_m, valid }, outputs: [threshold], temporary, call }) => {
      const shapes = { depth: depth.shape, depth_m: depth_m.shape, valid: valid.shape };
      const peaks = temporary("peaks", depthErrorPeak.shapes(shapes, undefined).peaks);
      call(depthErrorPeak, { depth, depth_m, valid, peaks }, undefined);
      call(depthErrorThreshold, { peaks, threshold }, undefined);
    },
    gradient: () => [null, null, null],
  },
};

/** A loss in metres, and how it is scaled. */
export interface DepthErrorOptions extends DepthErrorAttributes {
  readonly form: "l1" | "berhu";
}

/**
 * Mean over valid > 0 of scale B(depth - depth_m), pooled over all views; 0 if there are no valid
 * pixels. `l1`: B(e) = |e|. `berhu`: that up to c = 0.2 max |e| over the valid pixels of the step,
 * (e^2 + c^2) / (2 c) beyond (Laina et al. 2016, eq. 1); c counts as a constant in the gradient.
 * depth, depth_m, valid [V, H, W, 1] metres -> loss, count [1].
 */
export function depthError(
  depth: Value,
  depth_m: Value,
  valid: Value,
  options: DepthErrorOptions,
): { readonly loss: Value; readonly count: Value } {
  checkOptions("depthError", options, { form: ["l1", "berhu"], scale: "number" });
  const { form, scale } = options;
  const maps = { depth, depth_m, valid };
  const threshold =
    form === "berhu" ? apply(depthErrorOps.depth_error_threshold, maps, undefined)[0] : null;
  const [cost] = apply(depthErrorOps.depth_error, { ...maps, threshold }, { scale });
  const { mean, count } = maskedMean(cost, valid);
  return { loss: mean, count };
}
