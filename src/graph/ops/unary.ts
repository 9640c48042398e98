// Elementary functions of one tensor as ops.
import {
  UNARY_KINDS,
  unary as unaryKernel,
  unaryGrad,
  type UnaryAttributes,
  type UnaryKind,
} from "../../kernels/unary.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkChoice } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. d_x = d_y f'(x), without x where f is affine. */
export const unaryOps: {
  readonly unary: Op<UnaryAttributes, "x">;
  readonly unary_grad: Op<UnaryAttributes, "x" | "d_y">;
} = {
  unary: kernelOp(
    "unary",
    unaryKernel,
    ["x"],
    ["y"],
    ({ inputs: { x }, attributes, d_outputs: [d_y] }) => {
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
          return apply(unaryOps.unary_grad, { x: x!, d_y: d_y! }, attributes);
      }
    },
  ),
  unary_grad: kernelOp("unary_grad", unaryGrad, ["x", "d_y"], ["d_x"], null),
};

/** y = f(x); `alpha` and `beta` as in `UnaryAttributes`. x [any] -> y of the same shape. */
export function unary(x: Value, kind: UnaryKind, alpha = 0, beta = 0): Value {
  checkChoice("unary", "kind", kind, UNARY_KINDS);
  return apply(unaryOps.unary, { x }, { kind, alpha, beta })[0];
}
