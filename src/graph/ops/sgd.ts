// The update of all parameters by gradient descent with momentum: one dispatch over the flat arenas.
import { sgd as sgdKernel, type SgdAttributes, type SgdSettings } from "../../kernels/sgd.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Graph, Op, Value } from "../value.ts";
import { decayFactors } from "./adamw.ts";

/** The ops of this family, by name. It is not differentiated: it ends a step. */
export const sgdOps: {
  readonly sgd: Op<
    SgdAttributes,
    "scalars" | "gradients" | "decay" | "norm" | "parameters" | "first_moments"
  >;
} = {
  sgd: kernelOp(
    "sgd",
    sgdKernel,
    ["scalars", "gradients", "decay", "norm", "parameters", "first_moments"],
    [],
    null,
  ),
};

/**
 * Updates every parameter of the graph with its gradient, clipped and checked by `norm` of
 * `gradNorm`. Reads the step scalar `learning_rate`. Weight decay is added to the gradient, only of
 * parameters declared with it. Source: Sutskever et al. 2013, equations 1 to 4.
 */
export function sgd(g: Graph, norm: Value, settings: SgdSettings): void {
  const known = { momentum: "number", nesterov: "flag", weight_decay: "number" } as const;
  checkOptions("sgd", settings, known);
  const decay = decayFactors(g);
  const slots = { learning_rate: g.scalar("learning_rate") };
  const scalars = g.scalars();
  const gradients = g.arena("gradients");
  const parameters = g.arena("parameters");
  const first_moments = g.arena("first_moments");
  const inputs = { scalars, gradients, decay, norm, parameters, first_moments };
  apply(sgdOps.sgd, inputs, { ...settings, slots });
}
