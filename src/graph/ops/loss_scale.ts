// The scale of the loss under f16: a state that multiplies all gradients in the backward pass, so
// that those of feature maps are normal numbers of f16, and that is divided out again between their
// norm and the update.
import { lossScale as kernel, type LossScaleAttributes } from "../../kernels/loss_scale.ts";
import { apply, kernelOp, reshape } from "../apply.ts";
import { backward } from "../backward.ts";
import { isFrozen, type Graph, type Op, type Value } from "../value.ts";

/** States of the scale of the loss. */
export interface Scaling {
  readonly scale: Value;
  readonly steps: Value;
}

const PREFIX = "loss_scale.";
// Gradients of feature maps are far below 1.
const FIRST_SCALE = 4096;
/** Finite steps in a row after which the scale doubles. */
const GROWTH_STEPS = 200;

/** Declares the states. */
export function scalingOf(g: Graph): Scaling {
  return {
    scale: g.state(`${PREFIX}scale`, [1], FIRST_SCALE),
    steps: g.state(`${PREFIX}steps`, [1], 0),
  };
}

/** Whether a state of a run belongs to its scale, and so to no student. */
export function isOfScaling(state: string): boolean {
  return state.startsWith(PREFIX);
}

/** Gradients with respect to all trained parameters; those of a scaled loss have its scale. */
export function scaledGradients(
  g: Graph,
  loss: Value,
  scaling: Scaling | null,
): ReadonlyMap<Value, Value> {
  if (scaling === null) return g.gradients(loss);
  const trained = g.parameters.filter((one) => !isFrozen(one));
  return backward(g, [[loss, reshape(scaling.scale, loss.shape)]], trained);
}

/** The ops of this family, by name. It is not differentiated: it ends a step. */
export const lossScaleOps: {
  readonly loss_scale: Op<LossScaleAttributes, "norm" | "scale" | "steps">;
} = {
  loss_scale: kernelOp("loss_scale", kernel, ["norm", "scale", "steps"], ["used"], null),
};

/**
 * Turns `norm` of `gradNorm` of scaled gradients, without clipping, into that of plain ones clipped
 * to `max_norm`, and moves the scale: all are changed in place. norm [4] -> [1], the scale of this
 * step. Source: Micikevicius et al. 2018 (arXiv:1710.03740), section 3.2.
 */
export function clippedAndScaled(norm: Value, scaling: Scaling, max_norm: number): Value {
  return apply(
    lossScaleOps.loss_scale,
    { norm, ...scaling },
    { max_norm, growth: GROWTH_STEPS },
  )[0];
}
