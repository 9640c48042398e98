// Attention as an op: y and the log-sum-exp that its gradient needs. The mask has no gradient.
import {
  attention as attentionKernel,
  attentionGradKv,
  attentionGradQ,
  attentionGradStats,
} from "../../kernels/attention/attention.ts";
import type { AttentionAttributes } from "../../kernels/attention/attention_problem.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape, type Shape } from "../../tensor/shape.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. */
export const attentionOps: {
  readonly attention: Op<AttentionAttributes, "q" | "k" | "v" | "mask">;
  readonly attention_grad: Op<AttentionAttributes, "q" | "k" | "v" | "mask" | "y" | "lse" | "d_y">;
} = {
  attention: kernelOp(
    "attention",
    attentionKernel,
    ["q", "k", "v", "mask?"],
    ["y", "lse"],
    ({ inputs, outputs: [y, lse], attributes, d_outputs: [d_y, d_lse], wants }) => {
      if (wants.mask) throw new InputError("attention has no gradient with respect to its mask");
      if (d_lse !== null) throw new InputError("attention has no gradient of lse");
      return [...apply(attentionOps.attention_grad, { ...inputs, y, lse, d_y }, attributes), null];
    },
  ),
  attention_grad: {
    name: "attention_grad",
    inputs: ["q", "k", "v", "mask?", "y", "lse", "d_y"],
    outputs: ["d_q", "d_k", "d_v"],
    shapes: ({ q, k, v }) => [q, k, v],
    lower: (at) => {
      const { q, k, v, mask, y, lse, d_y } = at.inputs;
      const [d_q, d_k, d_v] = at.outputs;
      const stats = at.temporary("stats", [...lse.shape, 2]);
      at.call(attentionGradStats, { y, lse, d_y, stats }, undefined);
      const operands = { q, k, v, mask, stats, d_y };
      at.call(attentionGradQ, { ...operands, d_q }, at.attributes);
      at.call(attentionGradKv, { ...operands, d_k, d_v }, at.attributes);
    },
    gradient: null,
  },
};

/** How queries look at keys. */
export interface AttentionOptions {
  readonly heads: number;
  /** Heads of k and v, each serving `heads / kvHeads` heads of q; defaults to `heads`. */
  readonly kvHeads?: number;
  /**
   * Added to the scores: [B or 1, heads or 1, L or 1, S]. A score of -1e30 or less excludes its key
   * entirely; smaller penalties, such as -1e9, only count relative to the query's other keys.
   */
  readonly mask?: Value | null;
  /** Factor of the products; the default is 1 / sqrt(width of a head). */
  readonly scale?: number;
  /** Query l sees only keys 0 to l. */
  readonly causal?: boolean;
  /** Scores become softcap tanh(s / softcap) before the mask is added. */
  readonly softcap?: number;
}

/**
 * y = softmax(scale q k^T + mask) v, head by head; a query that sees no key gives zeros.
 * q [B, L, heads W], k [B, S, kvHeads W], v [B, S, kvHeads V] -> y [B, L, heads V].
 * Source: Vaswani et al. (2017), eq. 1.
 */
export function attention(q: Value, k: Value, v: Value, options: AttentionOptions): Value {
  const rest = { scale: "number", causal: "flag", softcap: "number", mask: "value" } as const;
  checkOptions("attention", options, { heads: "number" }, { kvHeads: "number", ...rest });
  const { heads, kvHeads = heads, mask = null, causal = false, softcap = 0 } = options;
  const scale = options.scale ?? 1 / Math.sqrt(headWidth(q.shape, heads));
  const attributes = { heads, kv_heads: kvHeads, scale, causal, softcap };
  return apply(attentionOps.attention, { q, k, v, mask }, attributes)[0];
}

function headWidth(q: Shape, heads: number): number {
  const width = (q.at(-1) ?? 0) / heads;
  if (!Number.isInteger(width) || width < 1) {
    throw new InputError(`attention: q${formatShape(q)} does not split into ${heads} heads`);
  }
  return width;
}
