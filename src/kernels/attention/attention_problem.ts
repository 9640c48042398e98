// Shared by all attention kernels: attributes, sizes from the shapes, scores of a query.
import type { NumberArray } from "../../tensor/array.ts";
import { formatShape, type Shape } from "../../tensor/shape.ts";
import { shaders } from "../shaders.gen.ts";

/** A score of this or less excludes its key entirely; a query without keys gives zeros. */
export const MASKED: number = shaders.attention.constants.MASKED;

/** Attributes of attention. */
export interface AttentionAttributes {
  readonly heads: number;
  /** Heads of k and v; each serves `heads / kv_heads` heads of q. */
  readonly kv_heads: number;
  /** Factor of the products q . k, usually 1 / sqrt(width of a head). */
  readonly scale: number;
  /** Query l sees only keys 0 to l. */
  readonly causal: boolean;
  /** Scores are capped to softcap tanh(s / softcap) before the mask is added; 0 means no cap. */
  readonly softcap: number;
}

/** The operands of attention; an absent mask has shape [0]. */
export type AttentionShapes = Readonly<Record<"q" | "k" | "v" | "mask", Shape>>;

/** The numbers of `struct Params`, the same for all attention shaders. */
export interface AttentionProblem {
  readonly batches: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  readonly kv_heads: number;
  readonly width: number;
  readonly value_width: number;
  readonly mask_batch: number;
  readonly mask_head: number;
  readonly mask_query: number;
  readonly scale: number;
  readonly softcap: number;
  readonly causal: number;
  readonly has_mask: number;
}

/** The widest head that the kernels hold in registers, in floats: 64 times vec4. */
const MAX_HEAD_WIDTH = 256;

/**
 * Reads q [B, L, heads W], k [B, S, kv_heads W], v [B, S, kv_heads V] and mask [B or 1, heads or 1,
 * L or 1, S]; throws with the numbers when they do not fit together.
 */
export function attentionProblem(
  { q, k, v, mask }: AttentionShapes,
  { heads, kv_heads, scale, causal, softcap }: AttentionAttributes,
): AttentionProblem {
  const given = `q${formatShape(q)}, k${formatShape(k)}, v${formatShape(v)}`;
  if (q.length !== 3 || k.length !== 3 || v.length !== 3) {
    throw new Error(`${given} must be [batch, tokens, heads x width]`);
  }
  const [batches, queries, q_channels] = q as readonly [number, number, number];
  const [, keys, k_channels] = k as readonly [number, number, number];
  if (k[0] !== batches || v[0] !== batches || v[1] !== keys) {
    throw new Error(`${given} must have one batch, and k and v one number of tokens`);
  }
  if (!Number.isInteger(heads / kv_heads) || heads < 1) {
    throw new Error(`${heads} heads cannot share ${kv_heads} heads of k and v evenly`);
  }
  const width = q_channels / heads;
  const value_width = v[2] / kv_heads;
  if (
    !Number.isInteger(width) ||
    k_channels !== kv_heads * width ||
    !Number.isInteger(value_width)
  ) {
    throw new Error(`${given} do not split into ${heads} heads of q and ${kv_heads} of k and v`);
  }
  if (Math.max(width, value_width) > MAX_HEAD_WIDTH) {
    throw new Error(`heads of ${width} and ${value_width} are wider than ${MAX_HEAD_WIDTH}`);
  }
  const has_mask = mask.length !== 1 || mask[0] !== 0;
  const [b = 0, h = 0, l = 0, s = 0] = mask;
  const fits = (axis: number, whole: number): boolean => axis === 1 || axis === whole;
  const agrees =
    mask.length === 4 && fits(b, batches) && fits(h, heads) && fits(l, queries) && s === keys;
  if (has_mask && !agrees) {
    const whole = formatShape([batches, heads, queries, keys]);
    throw new Error(
      `mask${formatShape(mask)} must be ${whole}, where any axis but the last may be 1`,
    );
  }
  const step = (axis: number, elements: number): number => (axis > 1 ? elements : 0);
  return {
    batches,
    queries,
    keys,
    heads,
    kv_heads,
    width,
    value_width,
    mask_batch: step(b, h * l * s),
    mask_head: step(h, l * s),
    mask_query: step(l, s),
    scale,
    softcap,
    causal: Number(causal),
    has_mask: Number(has_mask),
  };
}

/** The smallest power of two of vec4, as the shaders require, that holds a head this wide. */
export function widthInVec4(width: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, Math.ceil(width / 4))));
}

/**
 * Scores of all keys for one query of one head, and their slopes with respect to the product q . k.
 */
export interface Scores {
  readonly values: Float64Array;
  readonly slopes: Float64Array;
}

/** Fills `scores` for query `l` of head `h` in batch `b`, following the definition. */
export function scoreRow<T extends NumberArray>(
  { q, k, mask }: Readonly<Record<"q" | "k" | "mask", T>>,
  problem: AttentionProblem,
  b: number,
  h: number,
  l: number,
  scores: Scores,
): void {
  const { queries, keys, heads, kv_heads, width, scale, softcap } = problem;
  const kv_head = Math.floor(h / (heads / kv_heads));
  const q_at = ((b * queries + l) * heads + h) * width;
  const mask_at = b * problem.mask_batch + h * problem.mask_head + l * problem.mask_query;
  for (let t = 0; t < keys; t++) {
    const k_at = ((b * keys + t) * kv_heads + kv_head) * width;
    let product = 0;
    for (let e = 0; e < width; e++) product += q[q_at + e] * k[k_at + e];
    let value = scale * product;
    let slope = scale;
    if (softcap > 0) {
      const tanh = Math.tanh(value / softcap);
      value = softcap * tanh;
      slope *= 1 - tanh * tanh;
    }
    if (problem.has_mask === 1) value += mask[mask_at + t];
    const hidden = problem.causal === 1 && t > l;
    scores.values[t] = hidden ? MASKED : value;
    scores.slopes[t] = hidden ? 0 : slope;
  }
}
