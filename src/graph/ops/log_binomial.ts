// The log-binomial head: probability and temperature from four positive numbers per pixel, and bin
// logits from those. d_pi = sum_k d_k (k / pi - (K - 1 - k) / (1 - pi)) / t, d_t = -sum_k d_k z_k /
// t.
import {
  logBinomial as logBinomialKernel,
  logBinomialGrad,
  logBinomialHead as logBinomialHeadKernel,
  logBinomialHeadGrad,
  type LogBinomialAttributes,
  type LogBinomialHeadAttributes,
} from "../../kernels/depth_bins/log_binomial.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. */
export const logBinomialOps: {
  readonly log_binomial: Op<LogBinomialAttributes, "pi" | "t">;
  readonly log_binomial_grad: Op<void, "pi" | "t" | "logits" | "d_logits">;
  readonly log_binomial_head: Op<LogBinomialHeadAttributes, "pairs">;
  readonly log_binomial_head_grad: Op<LogBinomialHeadAttributes, "pairs" | "d_pi" | "d_t">;
} = {
  log_binomial: kernelOp(
    "log_binomial",
    logBinomialKernel,
    ["pi", "t"],
    ["logits"],
    ({ inputs: { pi, t }, outputs: [logits], d_outputs: [d_logits] }) =>
      apply(
        logBinomialOps.log_binomial_grad,
        { pi: pi!, t: t!, logits, d_logits: d_logits! },
        undefined,
      ),
  ),
  log_binomial_grad: kernelOp(
    "log_binomial_grad",
    logBinomialGrad,
    ["pi", "t", "logits", "d_logits"],
    ["d_pi", "d_t"],
    null,
  ),
  log_binomial_head: kernelOp(
    "log_binomial_head",
    logBinomialHeadKernel,
    ["pairs"],
    ["pi", "t"],
    ({ inputs: { pairs }, outputs: [pi, t], attributes, d_outputs: [d_pi, d_t] }) =>
      apply(
        logBinomialOps.log_binomial_head_grad,
        { pairs: pairs!, d_pi: d_pi ?? zeros(pi), d_t: d_t ?? zeros(t) },
        attributes,
      ),
  ),
  log_binomial_head_grad: kernelOp(
    "log_binomial_head_grad",
    logBinomialHeadGrad,
    ["pairs", "d_pi", "d_t"],
    ["d_pairs"],
    null,
  ),
};

/** Zeros of a value's shape: the gradient of an output that nothing depends on. */
function zeros(like: Value): Value {
  const data = new Float32Array(like.shape.reduce((a, b) => a * b, 1));
  return like.graph.add(`d_${like.name}`, like.shape, { kind: "constant", data });
}

/**
 * z_k = (logC(K - 1, k) + k ln pi + (K - 1 - k) ln(1 - pi)) / t, pi and 1 - pi clamped to
 * [1e-4, 1], logC by Stirling. pi, t [V, H, W, 1] -> logits [V, H, W, K]. Source: ZoeDepth section
 * 3.2.
 */
export function logBinomial(pi: Value, t: Value, attributes: LogBinomialAttributes): Value {
  checkOptions("logBinomial", attributes, { bins: "number" });
  return apply(logBinomialOps.log_binomial, { pi, t }, attributes)[0];
}

/**
 * pi = a1 / (a1 + a2), t = t_min + (t_max - t_min) b1 / (b1 + b2), with 1e-4 added to each of the
 * positive numbers pairs [V, H, W, 4] = (a1, a2, b1, b2) -> pi, t [V, H, W, 1].
 */
export function logBinomialHead(
  pairs: Value,
  attributes: LogBinomialHeadAttributes,
): { readonly pi: Value; readonly t: Value } {
  checkOptions("logBinomialHead", attributes, { t_min: "number", t_max: "number" });
  const [pi, t] = apply(logBinomialOps.log_binomial_head, { pairs }, attributes);
  return { pi, t };
}
