// Elementary functions of one tensor as ops.
import {
  UNARY_KINDS,
  unary as unaryKernel,
  unaryGrad,
  type UnaryAttributes,
  type UnaryKind,
} from "../../kernels/unary.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkChoice } from "../options.ts";
import type { Op, Rules, Value } from "../value.ts";

/** The ops of this family, by name. */
export const unaryOps: {
  readonly unary: Op<UnaryAttributes>;
  readonly unary_grad: Op<UnaryAttributes>;
} = {
  unary: kernelOp("unary", unaryKernel, ["x"], ["y"]),
  unary_grad: kernelOp("unary_grad", unaryGrad, ["x", "d_y"], ["d_x"]),
};

/** Their gradient rules: d_x = d_y f'(x), without x where f is affine. */
export const unaryRules: Rules<typeof unaryOps> = {
  unary: ({ inputs: [x], attributes, d_outputs: [d_y] }) => {
    switch (attributes.kind) {
      case "identity":
        return [d_y!];
      case "negate":
        return [unary(d_y!, "negate")];
      case "affine":
        return [unary(d_y!, "affine", attributes.alpha)];
      case "sign":
      case "floor":
      case "ceil":
      case "round":
        return [unary(d_y!, "affine")];
      default:
        return apply(unaryOps.unary_grad, [x!, d_y!], attributes);
    }
  },
  unary_grad: null,
};

/** y = f(x); `alpha` and `beta` as in `UnaryAttributes`. x [any] -> y of its shape. */
export function unary(x: Value, kind: UnaryKind, alpha = 0, beta = 0): Value {
  checkChoice("unary", "kind", kind, UNARY_KINDS);
  return apply(unaryOps.unary, [x], { kind, alpha, beta })[0];
}
