// Scale-invariant log loss over the valid pixels of all views.
// d_depth = d_loss scale / root ((g - mean) / (count - 1) + (1 - lambda) mean / count) / depth.
import {
  silog as silogKernel,
  silogFinish,
  silogGrad,
  type SilogAttributes,
} from "../../kernels/silog.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. Ground truth and mask have no gradient. */
export const silogOps: {
  readonly silog: Op<SilogAttributes, "depth" | "depth_m" | "valid">;
  readonly silog_grad: Op<SilogAttributes, "depth" | "depth_m" | "valid" | "statistics" | "d_loss">;
} = {
  silog: {
    name: "silog",
    inputs: ["depth", "depth_m", "valid"],
    outputs: ["loss", "count", "statistics"],
    shapes: ({ depth, depth_m, valid }) => {
      silogKernel.shapes({ depth, depth_m, valid }, undefined);
      return [[1], [1], [4]];
    },
    lower: ({ inputs, outputs, attributes, temporary, call }) => {
      const { depth, depth_m, valid } = inputs;
      const [loss, count, statistics] = outputs;
      const from = { depth, depth_m, valid };
      const { partials: shape } = silogKernel.shapes(
        { depth: depth.shape, depth_m: depth_m.shape, valid: valid.shape },
        undefined,
      );
      const partials = temporary("partials", shape);
      call(silogKernel, { ...from, partials }, undefined);
      call(silogFinish, { partials, loss, count, statistics }, attributes);
    },
    gradient: ({ inputs, outputs: [, , statistics], attributes, d_outputs: [d_loss] }) => [
      apply(silogOps.silog_grad, { ...inputs, statistics, d_loss: d_loss! }, attributes)[0],
      null,
      null,
    ],
  },
  silog_grad: kernelOp(
    "silog_grad",
    silogGrad,
    ["depth", "depth_m", "valid", "statistics", "d_loss"],
    ["d_depth"],
    null,
  ),
};

/** lambda = 0.85 and a factor of 10, as in AdaBins and ZoeDepth. */
const ADABINS: SilogAttributes = { variance_focus: 0.85, scale: 10 };

/**
 * loss = 10 sqrt(Var(g) + 0.15 mean(g)^2 + 1e-8), g = ln depth - ln depth_m over valid > 0, pooled
 * over all views; 0 if there are fewer than two valid pixels. depth, depth_m, valid [V, H, W, 1]
 * metres -> loss, count [1].
 */
export function silog(
  depth: Value,
  depth_m: Value,
  valid: Value,
  attributes: SilogAttributes = ADABINS,
): { readonly loss: Value; readonly count: Value } {
  checkOptions("silog", attributes, { variance_focus: "number", scale: "number" });
  const [loss, count] = apply(silogOps.silog, { depth, depth_m, valid }, attributes);
  return { loss, count };
}
