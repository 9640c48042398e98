// Losses that compare two values of a graph: each is the mean over all elements, or over all rows.
// Compositions of ops, so that gradients follow.
import { InputError } from "../tensor/error.ts";
import { formatShape, sameShape } from "../tensor/shape.ts";
import { reshape } from "./apply.ts";
import { checkOptions } from "../tensor/options.ts";
import { add, binary, clamp, multiply, scaleShift, subtract } from "./ops/arithmetic.ts";
import { gatherAlong } from "./ops/gather.ts";
import { reduce } from "./ops/reduce.ts";
import { unary } from "./ops/unary.ts";
import type { Value } from "./value.ts";

/** Mean of (prediction - target)^2. prediction, target [same shape] -> [], one number. */
export function mse(prediction: Value, target: Value): Value {
  checkSame("mse", prediction, target);
  return reduce(binary(prediction, target, "squared_difference"), "mean");
}

/** Mean of |prediction - target|. prediction, target [same shape] -> [], one number. */
export function l1(prediction: Value, target: Value): Value {
  checkSame("l1", prediction, target);
  return reduce(unary(subtract(prediction, target), "abs"), "mean");
}

/**
 * Mean of d^2 / 2 where d = |prediction - target| is at most `delta`, of delta (d - delta / 2)
 * elsewhere. prediction, target [same shape] -> [], one number. Source: Huber 1964 (Annals of
 * Mathematical Statistics 35), section 2.
 */
export function huber(
  prediction: Value,
  target: Value,
  options: { readonly delta: number } = { delta: 1 },
): Value {
  checkOptions("huber", options, { delta: "number" });
  const { delta } = options;
  if (!(delta > 0)) throw new InputError(`huber: delta is ${delta}; expected a number above 0`);
  checkSame("huber", prediction, target);
  const distance = unary(subtract(prediction, target), "abs");
  const near = clamp(distance, 0, delta);
  // m (d - m / 2) with m = min(d, delta)
  return reduce(multiply(near, subtract(distance, scaleShift(near, 0.5, 0))), "mean");
}

/**
 * Mean over rows of -sum_k t_k ln softmax(logits)_k. logits [..., K]; target either classes [...],
 * whole numbers from 0 to K - 1 (the loss is NaN for any other), or probabilities [..., K] that sum
 * to 1 -> [], one number.
 */
export function crossEntropy(logits: Value, target: Value): Value {
  const { shape } = logits;
  const rows = shape.slice(0, -1);
  const total = reduce(logits, "log_sum_exp", { axes: [-1] });
  if (shape.length > 0 && sameShape(target.shape, rows)) {
    const classes = reshape(target, [...rows, 1]);
    const chosen = reshape(gatherAlong(logits, classes), rows);
    return reduce(subtract(total, chosen), "mean");
  }
  if (shape.length > 0 && sameShape(target.shape, shape)) {
    const chosen = reduce(multiply(target, logits), "sum", { axes: [-1] });
    const mass = reduce(target, "sum", { axes: [-1] });
    return reduce(add(multiply(total, mass), unary(chosen, "negate")), "mean");
  }
  throw new InputError(
    `crossEntropy: target ${target.name}${formatShape(target.shape)} fits logits ` +
      `${logits.name}${formatShape(shape)} neither as classes ${formatShape(rows)} nor as probabilities`,
  );
}

function checkSame(loss: string, prediction: Value, target: Value): void {
  if (sameShape(prediction.shape, target.shape)) return;
  const [a, b] = [prediction, target].map(({ name, shape }) => `${name}${formatShape(shape)}`);
  throw new InputError(`${loss}: ${a} and ${b} have different shapes; reshape or expand one`);
}
