// Arithmetic on one tensor and on two that broadcast together, scaling by step scalars, and
// copying.
import {
  BINARY_KINDS,
  binary as binaryKernel,
  binaryGrad,
  type BinaryAttributes,
  type BinaryGradAttributes,
  type BinaryKind,
} from "../../kernels/binary.ts";
import { scaleBy as scaleByKernel, type ScaleByAttributes } from "../../kernels/scale_by.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkChoice } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";
import { sumTo } from "./reduce.ts";
import { unary } from "./unary.ts";

/**
 * The ops of this family, by name. What reaches a broadcast operand is summed over the broadcast
 * axes.
 */
export const arithmeticOps: {
  readonly binary: Op<BinaryAttributes, "a" | "b">;
  readonly binary_grad: Op<BinaryGradAttributes, "a" | "b" | "d_y">;
  readonly scale_by: Op<ScaleByAttributes, "x" | "scalars">;
} = {
  binary: kernelOp(
    "binary",
    binaryKernel,
    ["a", "b"],
    ["y"],
    ({ inputs, attributes: { kind }, d_outputs, wants }) => {
      const [a, b, d_y] = [inputs.a!, inputs.b!, d_outputs[0]!];
      const bySide = (side: "a" | "b"): Value =>
        apply(arithmeticOps.binary_grad, { a, b, d_y }, { kind, side })[0];
      const both = (d_a: () => Value, d_b: () => Value): (Value | null)[] => [
        wants.a ? sumTo(d_a(), a.shape) : null,
        wants.b ? sumTo(d_b(), b.shape) : null,
      ];
      // Operands that a derivative does not need are left out: they need not live until then.
      switch (kind) {
        case "add":
          return both(
            () => d_y,
            () => d_y,
          );
        case "subtract":
          return both(
            () => d_y,
            () => unary(sumTo(d_y, b.shape), "negate"),
          );
        case "multiply":
          return both(
            () => binary(d_y, b, "multiply"),
            () => binary(d_y, a, "multiply"),
          );
        case "divide":
          return both(
            () => binary(d_y, b, "divide"),
            () => bySide("b"),
          );
        default:
          return both(
            () => bySide("a"),
            () => bySide("b"),
          );
      }
    },
  ),
  binary_grad: kernelOp("binary_grad", binaryGrad, ["a", "b", "d_y"], ["d_operand"], null),
  scale_by: kernelOp(
    "scale_by",
    scaleByKernel,
    ["x", "scalars"],
    ["y"],
    ({ inputs: { scalars }, attributes: { slot }, d_outputs: [d_y] }) => [
      apply(arithmeticOps.scale_by, { x: d_y!, scalars: scalars! }, { slot })[0],
      null,
    ],
  ),
};

/** y = f(a, b). a, b [broadcast together by NumPy's rule] -> y of the broadcast shape. */
export function binary(a: Value, b: Value, kind: BinaryKind): Value {
  checkChoice("binary", "kind", kind, BINARY_KINDS);
  return apply(arithmeticOps.binary, { a, b }, { kind })[0];
}

/** y = a + b. */
export function add(a: Value, b: Value): Value {
  return binary(a, b, "add");
}

/** y = a - b. */
export function subtract(a: Value, b: Value): Value {
  return binary(a, b, "subtract");
}

/** y = a b, element by element. */
export function multiply(a: Value, b: Value): Value {
  return binary(a, b, "multiply");
}

/** y = a / b, element by element. */
export function divide(a: Value, b: Value): Value {
  return binary(a, b, "divide");
}

/** y = scalars[slot] x, with `scalars` the step scalars of the graph. */
export function scaleBy(x: Value, scalars: Value, slot: number): Value {
  return apply(arithmeticOps.scale_by, { x, scalars }, { slot })[0];
}

/** y = scale x + shift. */
export function scaleShift(x: Value, scale: number, shift: number): Value {
  return unary(x, "affine", scale, shift);
}

/** y = min(max(x, low), high); the gradient passes through at the bounds. */
export function clamp(x: Value, low: number, high: number): Value {
  return unary(x, "clamp", low, high);
}
