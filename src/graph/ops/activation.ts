// Elementwise non-linearities as ops. d_x = d_y f'(x).
import { activation, activationGrad, type ActivationAttributes } from "../../kernels/activation.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. */
export const activationOps: {
  readonly activation: Op<ActivationAttributes, "x">;
  readonly activation_grad: Op<ActivationAttributes, "x" | "d_y">;
} = {
  activation: kernelOp(
    "activation",
    activation,
    ["x"],
    ["y"],
    ({ inputs: { x }, attributes, d_outputs: [d_y] }) =>
      apply(activationOps.activation_grad, { x: x!, d_y: d_y! }, attributes),
  ),
  activation_grad: kernelOp("activation_grad", activationGrad, ["x", "d_y"], ["d_x"], null),
};

/** y = max(x, 0). x [any] -> y of the same shape; the gradient at 0 is 0. */
export function relu(x: Value): Value {
  return apply(activationOps.activation, { x }, { kind: "relu", alpha: 0 })[0];
}

/** y = x for x > 0, else slope x. */
export function leakyRelu(x: Value, slope: number): Value {
  return apply(activationOps.activation, { x }, { kind: "leaky_relu", alpha: slope })[0];
}

/** y = x for x > 0, else e^x - 1. */
export function elu(x: Value): Value {
  return apply(activationOps.activation, { x }, { kind: "elu", alpha: 1 })[0];
}

/** y = x Phi(x), Phi the normal distribution function (exact, by erf). */
export function gelu(x: Value): Value {
  return apply(activationOps.activation, { x }, { kind: "gelu", alpha: 0 })[0];
}

/** y = 1 / (1 + e^-x). */
export function sigmoid(x: Value): Value {
  return apply(activationOps.activation, { x }, { kind: "sigmoid", alpha: 0 })[0];
}

/** y = ln(1 + e^x). */
export function softplus(x: Value): Value {
  return apply(activationOps.activation, { x }, { kind: "softplus", alpha: 0 })[0];
}

/** y = tanh x. */
export function tanh(x: Value): Value {
  return apply(activationOps.activation, { x }, { kind: "tanh", alpha: 0 })[0];
}
