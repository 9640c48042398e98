// Bin logits of a teacher from its relative depth. They are targets: no gradient flows back.
import {
  softBins as softBinsKernel,
  type SoftBinsAttributes,
} from "../../kernels/depth_bins/soft_bins.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";

/** The op of this family, by name. */
export const softBinsOps: { readonly soft_bins: Op<SoftBinsAttributes, "relative"> } = {
  soft_bins: kernelOp("soft_bins", softBinsKernel, ["relative"], ["logits"], () => [null]),
};

/**
 * z_k = -(r - (k + 1/2) / K)^2 K^2 / 2: a Gaussian of sigma 1 / K around the relative depth over
 * uniform bins. relative [V, H, W, 1] in [0, 1], ascending with distance -> logits [V, H, W, K].
 */
export function softBins(relative: Value, attributes: SoftBinsAttributes): Value {
  checkOptions("softBins", attributes, { bins: "number" });
  return apply(softBinsOps.soft_bins, { relative }, attributes)[0];
}
