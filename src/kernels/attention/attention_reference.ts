// The definition of attention and its gradients, in plain loops over pairs of query and key.
import { like, type NumberArray } from "../../tensor/array.ts";
import {
  attentionProblem,
  MASKED,
  scoreRow,
  type AttentionAttributes,
  type AttentionProblem,
  type AttentionShapes,
  type Scores,
} from "./attention_problem.ts";

/** Replaces the weight of a key that is not seen, whatever its value holds. */
const EXCLUDED = -1;

type Operands<T> = Readonly<Record<"q" | "k" | "v" | "mask", T>>;
type Saved<T> = Operands<T> & Readonly<Record<"stats" | "d_y", T>>;

/** y and lse of attention. */
export function attentionReference<T extends NumberArray>(
  inputs: Operands<T>,
  shapes: AttentionShapes,
  attributes: AttentionAttributes,
): { y: T; lse: T } {
  const problem = attentionProblem(shapes, attributes);
  const { batches, queries, keys, heads, value_width } = problem;
  const y = like(inputs.q, batches * queries * heads * value_width);
  const lse = like(inputs.q, batches * heads * queries);
  const scores = scoresOf(keys);
  forEachRow(problem, (b, h, l) => {
    scoreRow(inputs, problem, b, h, l, scores);
    let peak = MASKED;
    for (let t = 0; t < keys; t++) peak = Math.max(peak, scores.values[t]);
    let total = 0;
    for (let t = 0; t < keys; t++) {
      const score = scores.values[t];
      const weight = score <= MASKED ? EXCLUDED : Math.exp(score - peak);
      if (weight !== EXCLUDED) total += weight;
      scores.values[t] = weight;
    }
    if (total === 0) return;
    const y_at = ((b * queries + l) * heads + h) * value_width;
    for (let t = 0; t < keys; t++) {
      if (scores.values[t] === EXCLUDED) continue;
      const p = scores.values[t] / total;
      const v_at = keyRow(problem, b, h, t) * value_width;
      for (let e = 0; e < value_width; e++) y[y_at + e] += p * inputs.v[v_at + e];
    }
    lse[(b * heads + h) * queries + l] = peak + Math.log(total);
  });
  return { y, lse };
}

/** lse and d_y . y of each query and head, side by side. */
export function attentionGradStatsReference<T extends NumberArray>(
  { y, lse, d_y }: Readonly<Record<"y" | "lse" | "d_y", T>>,
  heads: number,
  queries: number,
): { stats: T } {
  const width = lse.length === 0 ? 0 : y.length / lse.length;
  const stats = like(y, 2 * lse.length);
  for (let i = 0; i < lse.length; i++) {
    const l = i % queries;
    const h = Math.floor(i / queries) % heads;
    const b = Math.floor(i / (queries * heads));
    const start = ((b * queries + l) * heads + h) * width;
    let sum = 0;
    for (let e = start; e < start + width; e++) sum += y[e] * d_y[e];
    stats[2 * i] = lse[i];
    stats[2 * i + 1] = sum;
  }
  return { stats };
}

/** Gradients with respect to q, k and v, all three from one walk over the pairs. */
export function attentionGradReference<T extends NumberArray>(
  inputs: Saved<T>,
  shapes: AttentionShapes,
  attributes: AttentionAttributes,
): { d_q: T; d_k: T; d_v: T } {
  const { q, k, v, stats, d_y } = inputs;
  const problem = attentionProblem(shapes, attributes);
  const { queries, keys, heads, width, value_width } = problem;
  const [d_q, d_k, d_v] = [like(q, q.length), like(q, k.length), like(q, v.length)];
  const scores = scoresOf(keys);
  forEachRow(problem, (b, h, l) => {
    scoreRow(inputs, problem, b, h, l, scores);
    const q_at = ((b * queries + l) * heads + h) * width;
    const y_at = ((b * queries + l) * heads + h) * value_width;
    const lse = stats[2 * ((b * heads + h) * queries + l)];
    const d_y_y = stats[2 * ((b * heads + h) * queries + l) + 1];
    for (let t = 0; t < keys; t++) {
      if (scores.values[t] <= MASKED) continue;
      const k_at = keyRow(problem, b, h, t) * width;
      const v_at = keyRow(problem, b, h, t) * value_width;
      const p = Math.exp(scores.values[t] - lse);
      let d_p = 0;
      for (let e = 0; e < value_width; e++) {
        d_p += d_y[y_at + e] * v[v_at + e];
        d_v[v_at + e] += p * d_y[y_at + e];
      }
      const d_product = p * (d_p - d_y_y) * scores.slopes[t];
      for (let e = 0; e < width; e++) {
        d_q[q_at + e] += d_product * k[k_at + e];
        d_k[k_at + e] += d_product * q[q_at + e];
      }
    }
  });
  return { d_q, d_k, d_v };
}

function scoresOf(keys: number): Scores {
  return { values: new Float64Array(keys), slopes: new Float64Array(keys) };
}

/** The row of k and v, counted in heads, that serves head `h` of q. */
function keyRow(
  { keys, heads, kv_heads }: AttentionProblem,
  b: number,
  h: number,
  t: number,
): number {
  return (b * keys + t) * kv_heads + Math.floor(h / (heads / kv_heads));
}

function forEachRow(
  { batches, heads, queries }: AttentionProblem,
  visit: (b: number, h: number, l: number) => void,
): void {
  for (let b = 0; b < batches; b++) {
    for (let h = 0; h < heads; h++) {
      for (let l = 0; l < queries; l++) visit(b, h, l);
    }
  }
}
