// The place of the largest element. It has no gradient: it jumps.
import { argmax as argmaxKernel, type ArgmaxAttributes } from "../../kernels/argmax.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";
import { placeOf } from "./gather.ts";

/** The ops of this family, by name. */
export const argmaxOps: { readonly argmax: Op<ArgmaxAttributes, "x"> } = {
  argmax: kernelOp("argmax", argmaxKernel, ["x"], ["y"], null),
};

/**
 * The first place of the largest element along an axis, a whole number; NaN counts as the largest. x
 * [O, N, I] -> [O, I].
 */
export function argmax(x: Value, axis = -1): Value {
  return apply(argmaxOps.argmax, { x }, { axis: placeOf("argmax", x, axis) })[0];
}
