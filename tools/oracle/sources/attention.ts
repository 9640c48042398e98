// ONNX Attention: heads apart or joined, masks of truth values or scores, keys of the past.
import { reshape } from "../../../src/graph/apply.ts";
import { attention } from "../../../src/graph/ops/attention.ts";
import { concat } from "../../../src/graph/ops/concat.ts";
import type { Value } from "../../../src/graph/value.ts";
import { MASKED } from "../../../src/kernels/attention/attention_problem.ts";
import { flagOf, has, numberOf } from "../attributes.ts";
import {
  attribute,
  clause,
  finite,
  floats,
  knows,
  offer,
  ranked,
  type Offer,
  type Result,
} from "../offer.ts";
import type { VectorCase } from "../vectors.ts";
import type { Workbench } from "../workbench.ts";

/** Heads before tokens in the source, after them here. */
const TOKENS_FIRST = [0, 2, 1, 3];

function headsOf(given: VectorCase, i: 0 | 1): number {
  const { shape } = given.inputs[i]!;
  return shape.length === 4
    ? shape[1]
    : numberOf(given, i === 0 ? "q_num_heads" : "kv_num_heads", 1);
}

/** [B, tokens, heads, width] of an input in either form. */
function tokens(bench: Workbench, i: number, heads: number): Value {
  const { shape } = bench.given.inputs[i]!;
  if (shape.length === 4) return bench.input(i, TOKENS_FIRST);
  return reshape(bench.input(i), [shape[0], shape[1], heads, shape[2] / heads]);
}

/** Heads joined: [B, tokens, heads width]. */
function joined(x: Value): Value {
  const [batch, length, heads, width] = x.shape as [number, number, number, number];
  return reshape(x, [batch, length, heads * width]);
}

/**
 * Scores to add, as a constant [.., L, S] with leading ones; what is excluded gets a score that
 * excludes.
 */
function maskOf(bench: Workbench, queries: number, keys: number, past: number): Value | null {
  const given = bench.given.inputs[3] ?? null;
  const causal = past > 0 && flagOf(bench.given, "is_causal", false);
  if (given === null && !causal) return null;
  const shape =
    given === null
      ? [1, 1, queries, keys]
      : [...Array.from<number>({ length: 4 - given.shape.length }).fill(1), ...given.shape];
  const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => {
    const key = i % keys;
    const query = Math.floor(i / keys) % shape[2];
    if (causal && key > query + past) return MASKED;
    const value = given?.values[i] ?? 0;
    if (given?.dtype === "bool") return value === 0 ? MASKED : 0;
    return Math.max(value, MASKED);
  });
  return bench.constant(shape, values);
}

const pastMask = clause(
  "a mask of every query where keys of the past are causal",
  (given) =>
    !(flagOf(given, "is_causal", false) && (given.inputs[4] ?? null) !== null) ||
    (given.inputs[3] ?? null) === null ||
    given.inputs[3]!.shape.at(-2) === given.inputs[0]!.shape.at(-2),
);

const keysOf = ({ inputs }: VectorCase): number => {
  const past = inputs[4] ?? null;
  return inputs[1]!.shape.at(-2)! + (past === null ? 0 : past.shape[2]);
};

/** ONNX Attention (opset 23 and 24). */
export const attentionOffer: Offer = offer(
  [
    floats("attn_mask"),
    clause("no qk_matmul_output", ({ outputs }) => (outputs[3] ?? null) === null),
    clause("no nonpad_kv_seqlen", ({ inputs }) => (inputs[6] ?? null) === null),
    clause("numbers finite but for the mask", (given) =>
      finite.holds({ ...given, inputs: given.inputs.toSpliced(3, 1) }),
    ),
    clause(
      "a mask over all keys",
      (given) =>
        (given.inputs[3] ?? null) === null || given.inputs[3]!.shape.at(-1) === keysOf(given),
    ),
    clause(
      "no softcap together with a mask",
      (given) => numberOf(given, "softcap", 0) === 0 || (given.inputs[3] ?? null) === null,
    ),
    pastMask,
    attribute("softmax_precision", 1, 11),
    knows(
      "is_causal",
      "kv_num_heads",
      "q_num_heads",
      "qk_matmul_output_mode",
      "scale",
      "softcap",
      "softmax_precision",
    ),
    ranked(3, 4),
  ],
  (bench): Result[] => {
    const { given } = bench;
    const [heads, kvHeads] = [headsOf(given, 0), headsOf(given, 1)];
    const q = tokens(bench, 0, heads);
    const after = (i: number, past: Value | null): Value => {
      const own = tokens(bench, i, kvHeads);
      return past === null ? own : concat([past, own], 1);
    };
    const pastKey = bench.optional(4, TOKENS_FIRST);
    const key = after(1, pastKey);
    const value = after(2, bench.optional(5, TOKENS_FIRST));
    const past = pastKey?.shape[1] ?? 0;
    const y = attention(joined(q), joined(key), joined(value), {
      heads,
      kvHeads,
      mask: maskOf(bench, q.shape[1], key.shape[1], past),
      causal: past === 0 && flagOf(given, "is_causal", false),
      softcap: numberOf(given, "softcap", 0),
      ...(has(given, "scale") ? { scale: numberOf(given, "scale", 1) } : {}),
    });
    const apart = given.inputs[0]!.shape.length === 4;
    const [batch, length] = q.shape as [number, number];
    const result: Result = apart
      ? { value: reshape(y, [batch, length, heads, value.shape[3]]), axes: TOKENS_FIRST }
      : { value: y };
    return [result, { value: key, axes: TOKENS_FIRST }, { value, axes: TOKENS_FIRST }];
  },
);
