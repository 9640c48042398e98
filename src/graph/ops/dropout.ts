// Dropout whose mask follows from a seed and the step alone. The gradient passes through the same
// mask.
import { dropout as dropoutKernel, type DropoutAttributes } from "../../kernels/dropout.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Graph, Op, Value } from "../value.ts";

/** The step scalar that counts the steps of dropout; below 0, nothing is dropped. */
export const DROPOUT_STEP = "dropout_step";

/** The ops of this family, by name. */
export const dropoutOps: { readonly dropout: Op<DropoutAttributes, "x" | "scalars"> } = {
  dropout: kernelOp(
    "dropout",
    dropoutKernel,
    ["x", "scalars"],
    ["y"],
    ({ inputs: { scalars }, attributes, d_outputs: [d_y] }) => [
      apply(dropoutOps.dropout, { x: d_y!, scalars: scalars! }, attributes)[0],
      null,
    ],
  ),
};

/**
 * y = x / (1 - share), or 0 for a random share of the elements. Reads the step scalar
 * `dropout_step`: the same step and seed give the same mask on every adapter, and a step below 0
 * turns dropout off; `trainer` sets it. Without a seed, each call on a graph has one of its own. x
 * [any] -> y of the same shape. Source: Srivastava et al. 2014, section 10.
 */
export function dropout(
  g: Graph,
  x: Value,
  share: number,
  options: { readonly seed?: number } = {},
): Value {
  checkOptions("dropout", { share }, { share: "number" });
  checkOptions("dropout", options, {}, { seed: "number" });
  const attributes = { share, seed: options.seed ?? g.nodes.length, slot: g.scalar(DROPOUT_STEP) };
  return apply(dropoutOps.dropout, { x, scalars: g.scalars() }, attributes)[0];
}
