// Functions of several sources that the engine builds from several ops.
import { apply, reshape } from "../../src/graph/apply.ts";
import {
  activationOps,
  gelu,
  relu,
  sigmoid,
  softplus,
  tanh,
} from "../../src/graph/ops/activation.ts";
import {
  add,
  binary,
  clamp,
  divide,
  multiply,
  scaleShift,
  subtract,
} from "../../src/graph/ops/arithmetic.ts";
import { matmul, type MatmulOptions } from "../../src/graph/ops/gemm.ts";
import { layerNorm } from "../../src/graph/ops/norm.ts";
import { expand, reduce } from "../../src/graph/ops/reduce.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import { unary } from "../../src/graph/ops/unary.ts";
import type { Value } from "../../src/graph/value.ts";
import { broadcastShape } from "../../src/engine/axes.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";

/** The largest float32: stands for no bound. */
export const UNBOUNDED: number = Math.fround(3.4028234663852886e38);

/** min(max(x, low), high); an infinite bound has no effect. */
export function clip(x: Value, low: number, high: number): Value {
  return clamp(x, Math.max(low, -UNBOUNDED), Math.min(high, UNBOUNDED));
}

/** x for x > 0, else alpha (e^x - 1). */
export function scaledElu(x: Value, alpha: number): Value {
  return apply(activationOps.activation, { x }, { kind: "elu", alpha })[0];
}

/** gamma x for x > 0, else gamma alpha (e^x - 1). Defaults: Klambauer et al. 2017. */
export function selu(x: Value, alpha = 1.6732631921768188, gamma = 1.0507009873554805): Value {
  return scaleShift(scaledElu(x, alpha), gamma, 0);
}

/** x for x > 0, else slope x; slope broadcasts to x. */
export function prelu(x: Value, slope: Value): Value {
  return subtract(relu(x), multiply(slope, relu(unary(x, "negate"))));
}

/** min(max(alpha x + beta, 0), 1). */
export function hardSigmoid(x: Value, alpha: number, beta: number): Value {
  return clamp(scaleShift(x, alpha, beta), 0, 1);
}

/** x min(max(x + 3, 0), 6) / 6. */
export function hardSwish(x: Value): Value {
  return scaleShift(multiply(x, clamp(scaleShift(x, 1, 3), 0, 6)), 1 / 6, 0);
}

/** Gelu by its exact form, or by the tanh approximation of Hendrycks and Gimpel 2016. */
export function geluBy(x: Value, approximate: string): Value {
  if (approximate !== "tanh") return gelu(x);
  const cubed = multiply(unary(x, "square"), x);
  const inner = scaleShift(add(x, scaleShift(cubed, 0.044715, 0)), Math.sqrt(2 / Math.PI), 0);
  return multiply(scaleShift(x, 0.5, 0), scaleShift(tanh(inner), 1, 1));
}

/** x sigmoid(alpha x). */
export function swish(x: Value, alpha: number): Value {
  return multiply(x, sigmoid(scaleShift(x, alpha, 0)));
}

/** x tanh(softplus(x)). */
export function mish(x: Value): Value {
  return multiply(x, tanh(softplus(x)));
}

/** |x|^p. */
export function powerOfMagnitude(x: Value, p: number): Value {
  if (p === 1) return unary(x, "abs");
  if (p === 2) return unary(x, "square");
  if (p === 0.5) return unary(unary(x, "abs"), "sqrt");
  const exponent = x.graph.add("p", [1], { kind: "constant", data: Float32Array.of(p) });
  return reshape(binary(unary(x, "abs"), exponent, "power"), x.shape);
}

/** x / (1 + |x|). */
export function softsign(x: Value): Value {
  return divide(x, scaleShift(unary(x, "abs"), 1, 1));
}

/** ln sigmoid(x) = -softplus(-x). */
export function logSigmoid(x: Value): Value {
  return unary(softplus(unary(x, "negate")), "negate");
}

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  return softmaxBins(x);
}

/** ln softmax over the last axis. */
export function logSoftmax(x: Value): Value {
  return subtract(x, reduce(x, "log_sum_exp", { axes: [-1], keep: true }));
}

/** `whenTrue` where condition is not 0, `whenFalse` where it is. */
export function select(condition: Value, whenTrue: Value, whenFalse: Value): Value {
  const zero = condition.graph.add("zero", [1], { kind: "constant", data: Float32Array.of(0) });
  const isTrue = reshape(binary(condition, zero, "not_equal"), condition.shape);
  const isFalse = scaleShift(isTrue, -1, 1);
  return add(multiply(isTrue, whenTrue), multiply(isFalse, whenFalse));
}

/** f(f(f(a, b), c) …); all operands broadcast together. */
export function fold(values: readonly Value[], kind: Parameters<typeof binary>[2]): Value {
  return values.reduce((a, b) => binary(a, b, kind));
}

/**
 * A product of matrices whose operands may be vectors and whose batch axes broadcast in any
 * pattern.
 */
export function product(a: Value, b: Value): Value {
  const [m, n] = [
    a.shape.length === 1 ? [] : [a.shape.at(-2)!],
    b.shape.length === 1 ? [] : [b.shape.at(-1)!],
  ];
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]]) : a;
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0], 1]) : b;
  const batch = broadcastShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  return reshape(batchedProduct(left, right, {}), [...batch, ...m, ...n]);
}

/** A product of matrices whose batch axes broadcast in any pattern. */
export function batchedProduct(a: Value, b: Value, options: MatmulOptions): Value {
  if (!takesTurns(a.shape, b.shape)) return matmul(a, b, options);
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const whole = (x: Value): Value => expand(x, [...batch, ...x.shape.slice(-2)]);
  return matmul(whole(a), whole(b), options);
}

/**
 * Whether a and b broadcast in both directions, which a single product cannot do: [2, 1, 2] with
 * [1, 3, 1].
 */
function takesTurns(a: Shape, b: Shape): boolean {
  const runs: string[] = [];
  const [left, right] = [a.slice(0, -2), b.slice(0, -2)];
  broadcastShape(left, right).forEach((count, axis, { length }) => {
    if (count === 1) return;
    const own = (shape: Shape): boolean => (shape[axis - length + shape.length] ?? 1) !== 1;
    const run = `${own(left)}${own(right)}`;
    if (runs.at(-1) !== run) runs.push(run);
  });
  return runs.length > 2;
}

/**
 * alpha A B + beta C; C broadcasts to the product. A bias of one number per column becomes part of
 * the product itself.
 */
export function generalProduct(
  a: Value,
  b: Value,
  c: Value | null,
  options: { alpha: number; beta: number; transposeA: boolean; transposeB: boolean },
): Value {
  const { alpha, beta, transposeA, transposeB } = options;
  const columns = b.shape[transposeB ? 0 : 1];
  const isBias = c !== null && c.shape.at(-1) === columns && size(c.shape) === columns;
  if (isBias && alpha === 1 && beta === 1) {
    return matmul(a, b, { transposeA, transposeB, bias: reshape(c, [columns]) });
  }
  const plain = matmul(a, b, { transposeA, transposeB });
  const scaled = alpha === 1 ? plain : scaleShift(plain, alpha, 0);
  if (c === null || beta === 0) return scaled;
  return add(scaled, beta === 1 ? c : scaleShift(c, beta, 0));
}

/** Layer norm over the last `axes` axes; scale and shift have their shape. */
export function layerNormOver(
  x: Value,
  axes: number,
  gamma: Value,
  beta: Value,
  epsilon: number,
): Value {
  const outer = x.shape.slice(0, x.shape.length - axes);
  const n = size(x.shape) / Math.max(1, size(outer));
  const flat = layerNorm(reshape(x, [...outer, n]), reshape(gamma, [n]), reshape(beta, [n]), {
    epsilon,
  });
  return reshape(flat, x.shape);
}

/** x gamma / sqrt(mean x^2 + epsilon) over the last `axes` axes. */
export function rmsNormOver(x: Value, axes: number, gamma: Value, epsilon: number): Value {
  const last = Array.from({ length: axes }, (_, i) => i - axes);
  const mean = reduce(unary(x, "square"), "mean", { axes: last, keep: true });
  return multiply(multiply(x, unary(scaleShift(mean, 1, epsilon), "reciprocal_sqrt")), gamma);
}

/**
 * The (x - mean) gamma / sqrt(variance + epsilon) + beta of statistics that broadcast to x in any
 * way.
 */
export function normalized(
  x: Value,
  mean: Value,
  variance: Value,
  gamma: Value | null,
  beta: Value | null,
  epsilon: number,
): Value {
  const inverse = unary(scaleShift(variance, 1, epsilon), "reciprocal_sqrt");
  const factor = gamma === null ? inverse : multiply(inverse, gamma);
  const y = multiply(subtract(x, mean), factor);
  return beta === null ? y : add(y, beta);
}
