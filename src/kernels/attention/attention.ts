// Scaled dot-product attention of several heads and its gradients with respect to q, k and v (the
// mask has none); the queries x keys matrix is never stored.
import { withGradient, type Problem, type Distribution } from "../../engine/problem.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import {
  attentionProblem,
  MASKED,
  widthInVec4,
  type AttentionAttributes,
  type AttentionProblem,
  type AttentionShapes,
} from "./attention_problem.ts";
import {
  attentionGradReference,
  attentionGradStatsReference,
  attentionReference,
} from "./attention_reference.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Cost, type Grid, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { inSubgroups } from "../../engine/subgroups.ts";
import { shaders } from "../shaders.gen.ts";

type Input = "q" | "k" | "v" | "mask";
type GradientInput = Input | "stats" | "d_y";
type Shapes<Name extends string> = Readonly<Record<Name, Shape>>;

const plain = { heads: 1, kv_heads: 1, scale: 0.5, causal: false, softcap: 0 };
const none: Shape = [0];
// half the keys excluded, the others so far apart that one takes all the weight
const EXCLUDING: Distribution = { kind: "uniform", low: 2 * MASKED, high: 0 };

const cases: readonly Problem<Input, AttentionAttributes>[] = [
  {
    name: "two heads, a mask of all axes, a workgroup and one",
    shapes: { q: [2, 65, 16], k: [2, 33, 16], v: [2, 33, 16], mask: [2, 2, 65, 33] },
    attributes: { ...plain, heads: 2, kv_heads: 2 },
  },
  {
    name: "one",
    shapes: { q: [1, 1, 5], k: [1, 1, 5], v: [1, 1, 5], mask: none },
    attributes: plain,
  },
  {
    name: "causal and capped, six heads on two, values narrower, a tile less one",
    shapes: { q: [1, 63, 42], k: [1, 63, 14], v: [1, 63, 6], mask: none },
    attributes: { ...plain, heads: 6, kv_heads: 2, causal: true, softcap: 0.8 },
  },
  {
    name: "capped, two heads of eight, a mask per key",
    shapes: { q: [1, 17, 16], k: [1, 19, 16], v: [1, 19, 16], mask: [1, 1, 1, 19] },
    attributes: { ...plain, heads: 2, kv_heads: 2, softcap: 0.8 },
  },
  {
    name: "fewer queries than keys, causal, one mask for all heads",
    shapes: { q: [2, 7, 8], k: [2, 131, 8], v: [2, 131, 8], mask: [2, 1, 1, 131] },
    attributes: { ...plain, heads: 1, causal: true },
  },
  {
    name: "keys of three steps",
    shapes: { q: [1, 9, 8], k: [1, 263, 8], v: [1, 263, 8], mask: [1, 1, 9, 263] },
    attributes: plain,
  },
  {
    name: "half the keys excluded",
    shapes: { q: [1, 9, 8], k: [1, 21, 8], v: [1, 21, 8], mask: [1, 1, 9, 21] },
    attributes: { ...plain },
    data: { mask: EXCLUDING },
  },
  {
    name: "every key excluded: zeros",
    shapes: { q: [1, 3, 8], k: [1, 5, 8], v: [1, 5, 8], mask: [1, 1, 1, 5] },
    attributes: plain,
    data: { mask: { kind: "constant", value: 2 * MASKED } },
  },
  {
    name: "no keys: zeros",
    shapes: { q: [1, 3, 8], k: [1, 0, 8], v: [1, 0, 8], mask: none },
    attributes: plain,
  },
  {
    name: "no queries",
    shapes: { q: [1, 0, 8], k: [1, 3, 8], v: [1, 3, 8], mask: none },
    attributes: plain,
  },
  {
    name: "one view's 60 tokens on its two neighbours', 4 heads of 16",
    shapes: { q: [2, 60, 64], k: [2, 120, 64], v: [2, 120, 64], mask: none },
    attributes: { ...plain, heads: 4, kv_heads: 4, scale: 0.25 },
  },
];

/** Scores so far apart that later steps of keys outweigh all before. */
const farApart: Problem<Input, AttentionAttributes> = {
  name: "keys of three steps, far apart",
  shapes: { q: [1, 9, 8], k: [1, 263, 8], v: [1, 263, 8], mask: [1, 1, 9, 263] },
  attributes: plain,
  data: { mask: { kind: "normal", deviation: 10 } },
};

// close to the value that attention would have saved, so that p is a probability, not a power of
// ten
const SAVED: Distribution = { kind: "normal", mean: 5, deviation: 0.5 };
const gradientCases: readonly Problem<GradientInput, AttentionAttributes>[] = cases.map(
  (problem) => ({
    ...problem,
    data: { ...problem.data, stats: SAVED },
    shapes: {
      ...problem.shapes,
      stats: [...lseShape(problem.shapes, problem.attributes), 2],
      d_y: outputShape(problem.shapes, problem.attributes),
    },
  }),
);

function lseShape({ q }: AttentionShapes, { heads }: AttentionAttributes): Shape {
  return [q[0], heads, q[1]];
}

/** Throws unless the inputs of the gradients fit the operands. */
function checkGradients(shapes: Shapes<GradientInput>, attributes: AttentionAttributes): void {
  attentionProblem(shapes, attributes);
  expectShape({ stats: shapes.stats }, [...lseShape(shapes, attributes), 2]);
  expectShape({ d_y: shapes.d_y }, outputShape(shapes, attributes));
}

function outputShape({ q, v }: AttentionShapes, { heads, kv_heads }: AttentionAttributes): Shape {
  return [q[0], q[1], (heads * v[2]) / kv_heads];
}

type AttentionParams = Record<keyof AttentionProblem, number>;
const params = (shapes: AttentionShapes, attributes: AttentionAttributes): AttentionParams =>
  attentionProblem(shapes, attributes);

// the tiled kernels hold rows of a head in registers: their code is made for its width in vec4
type Tuning = { readonly W4: number; readonly V4: number };
const tuning = (shapes: AttentionShapes, attributes: AttentionAttributes): Tuning => {
  const { width, value_width } = attentionProblem(shapes, attributes);
  return { W4: widthInVec4(width), V4: widthInVec4(value_width) };
};

type Sizes = Pick<AttentionParams, "batches" | "heads" | "kv_heads" | "queries" | "keys">;
const queryTiles = ({ batches, heads, queries }: Sizes, { WG }: { WG: number }): Grid =>
  foldGrid(Math.ceil(queries / WG) * heads * batches);
const keyTiles = ({ batches, kv_heads, keys }: Sizes, { WG }: { WG: number }): Grid =>
  foldGrid(Math.ceil(keys / WG) * kv_heads * batches);
const queryBlocks = ({ batches, heads, queries }: Sizes, { ROWS }: { ROWS: number }): Grid =>
  foldGrid(Math.ceil(queries / ROWS) * heads * batches);
const keyBlocks = ({ batches, kv_heads, keys }: Sizes, { ROWS }: { ROWS: number }): Grid =>
  foldGrid(Math.ceil(keys / ROWS) * kv_heads * batches);
type Own = { readonly ROWS: number; readonly LANES: number };
const ownQueries = ({ batches, heads, queries }: Sizes, { ROWS, LANES }: Own): Grid =>
  foldGrid(Math.ceil(queries / (ROWS * LANES)) * heads * batches);
const ownKeys = ({ batches, kv_heads, keys }: Sizes, { ROWS, LANES }: Own): Grid =>
  foldGrid(Math.ceil(keys / (ROWS * LANES)) * kv_heads * batches);
const queryRows = ({ batches, heads, queries }: Sizes, { WG }: { WG: number }): Grid =>
  foldGrid(Math.ceil((queries * heads * batches) / WG));
const keyRows = ({ batches, kv_heads, keys }: Sizes, { WG }: { WG: number }): Grid =>
  foldGrid(Math.ceil((keys * kv_heads * batches) / WG));

/** The widest head whose rows the `_broadcast` shaders hold, in floats. */
const MOST_BROADCAST = 64;

/** Whether rows of both widths are whole vectors of four, few enough to broadcast. */
function inBroadcasts(shapes: AttentionShapes, attributes: AttentionAttributes): boolean {
  const { width, value_width } = attentionProblem(shapes, attributes);
  const fits = (one: number): boolean => one > 0 && one % 4 === 0 && one <= MOST_BROADCAST;
  return fits(width) && fits(value_width);
}

/** Rows per invocation in the gradients: registers hold four narrow ones or two wide ones. */
function gradientRows(
  shapes: AttentionShapes,
  attributes: AttentionAttributes,
): { readonly ROWS: number } {
  const { W4, V4 } = tuning(shapes, attributes);
  return { ROWS: W4 + V4 > 16 ? 2 : 4 };
}

/** All pairs of query and key, half of them where queries only look back; each tensor once. */
function cost(
  shapes: AttentionShapes,
  attributes: AttentionAttributes,
  flopsOfPair: (width: number, value_width: number) => number,
  tensors: readonly Shape[],
): Cost {
  const { batches, heads, queries, keys, width, value_width } = attentionProblem(
    shapes,
    attributes,
  );
  const pairs = batches * heads * queries * keys * (attributes.causal ? 0.5 : 1);
  const { q, k, v, mask } = shapes;
  let elements = 0;
  for (const tensor of [q, k, v, mask, ...tensors]) elements += size(tensor);
  return { flops: pairs * flopsOfPair(width, value_width), bytes: 4 * elements };
}

/**
 * y = softmax(scale q k^T + mask) v, and lse, the logarithm of each softmax's denominator; zeros
 * for a query without keys. q [B, L, heads W], k [B, S, kv_heads W], v [B, S, kv_heads V] -> y [B,
 * L, heads V], lse [B, heads, L].
 */
export const attention: Kernel<typeof shaders.attention, AttentionAttributes> = kernel({
  shader: shaders.attention,
  axes: {
    q: "B, L, heads W",
    k: "B, S, kv_heads W",
    v: "B, S, kv_heads V",
    mask: "B or 1, heads or 1, L or 1, S",
  },
  shapes: (shapes, attributes) => {
    attentionProblem(shapes, attributes);
    return { y: outputShape(shapes, attributes), lse: lseShape(shapes, attributes) };
  },
  params,
  // W products for the score, V for the sum, some 12 operations for the softmax
  cost: (shapes, attributes) =>
    cost(shapes, attributes, (w, v) => 2 * w + 2 * v + 12, [
      outputShape(shapes, attributes),
      lseShape(shapes, attributes),
    ]),
  cases: [...withGradient(cases, { wrt: ["q", "k", "v"] }), farApart],
  reference: attentionReference,
  overrides: tuning,
  grid: queryTiles,
  variants: () => [attentionBroadcast, attentionSubgroup, attentionRows],
});

/** As `attention`, with keys by broadcast and no barrier: for software adapters. */
export const attentionBroadcast: Kernel<typeof shaders.attention_broadcast, AttentionAttributes> =
  mapping(attention, {
    shader: shaders.attention_broadcast,
    cases: attention.cases.filter(({ shapes, attributes }) => inBroadcasts(shapes, attributes)),
    grid: ownQueries,
    runs: (facts, shapes, attributes) => inSubgroups(facts) && inBroadcasts(shapes, attributes),
    suits: onSoftware,
  });

/** As `attention`, with one subgroup per workgroup: for heads of other widths. */
export const attentionSubgroup: Kernel<typeof shaders.attention_subgroup, AttentionAttributes> =
  mapping(attention, {
    shader: shaders.attention_subgroup,
    grid: queryBlocks,
    runs: inSubgroups,
    suits: onSoftware,
  });

/** As `attention`, with one invocation per query: for other software adapters. */
export const attentionRows: Kernel<typeof shaders.attention_rows, AttentionAttributes> = mapping(
  attention,
  {
    shader: shaders.attention_rows,
    grid: queryRows,
    suits: onSoftware,
  },
);

/**
 * stats = (lse, d_y . y) of each query and head.
 * y, d_y [B, L, heads V], lse [B, heads, L] -> stats [B, heads, L, 2].
 */
export const attentionGradStats: Kernel<typeof shaders.attention_grad_stats> = kernel({
  shader: shaders.attention_grad_stats,
  axes: { y: "B, L, heads V", lse: "B, heads, L", d_y: "B, L, heads V" },
  shapes: ({ y, lse, d_y }) => {
    const [batches = 0, heads = 0, queries = 0] = lse;
    expectShape({ lse }, [batches, heads, queries]);
    expectShape({ y }, [batches, queries, heads * Math.floor((y[2] ?? 0) / heads)]);
    expectShape({ d_y }, y, "y");
    return { stats: [...lse, 2] };
  },
  params: ({ y, lse }) => {
    const [, heads, queries] = lse as readonly [number, number, number];
    return { n: size(lse), queries, heads, value_width: y[2] / heads };
  },
  grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / WG)),
  cost: ({ y, lse }) => ({ flops: 2 * size(y), bytes: 4 * (2 * size(y) + 3 * size(lse)) }),
  terms: ({ y, lse }) => y[2] / lse[1],
  cases: [
    {
      name: "a workgroup and one",
      shapes: { y: [1, 65, 3], lse: [1, 1, 65], d_y: [1, 65, 3] },
      attributes: undefined,
    },
    {
      name: "two batches of five heads",
      shapes: { y: [2, 7, 35], lse: [2, 5, 7], d_y: [2, 7, 35] },
      attributes: undefined,
    },
    {
      name: "no queries",
      shapes: { y: [2, 0, 4], lse: [2, 2, 0], d_y: [2, 0, 4] },
      attributes: undefined,
    },
  ],
  reference: (inputs, { lse }) => attentionGradStatsReference(inputs, lse[1], lse[2]),
});

/** d_q of attention from the stats above. d_y [B, L, heads V] -> d_q [B, L, heads W]. */
export const attentionGradQ: Kernel<typeof shaders.attention_grad_q, AttentionAttributes> = kernel({
  shader: shaders.attention_grad_q,
  axes: {
    q: "B, L, heads W",
    k: "B, S, kv_heads W",
    v: "B, S, kv_heads V",
    mask: "B or 1, heads or 1, L or 1, S",
    stats: "B, heads, L, 2",
    d_y: "B, L, heads V",
  },
  shapes: (shapes, attributes) => {
    checkGradients(shapes, attributes);
    return { d_q: shapes.q };
  },
  params,
  // W products for the score and W for d_q, V for d_p, some 14 operations for p and d_s
  cost: (shapes, attributes) =>
    cost(shapes, attributes, (w, v) => 4 * w + 2 * v + 14, [shapes.stats, shapes.d_y, shapes.q]),
  cases: gradientCases,
  reference: (inputs, shapes, attributes) => ({
    d_q: attentionGradReference(inputs, shapes, attributes).d_q,
  }),
  overrides: tuning,
  grid: queryTiles,
  variants: () => [attentionGradQBroadcast, attentionGradQSubgroup, attentionGradQRows],
});

/** The same with keys by broadcast and no barrier: for software adapters. */
export const attentionGradQBroadcast: Kernel<
  typeof shaders.attention_grad_q_broadcast,
  AttentionAttributes
> = mapping(attentionGradQ, {
  shader: shaders.attention_grad_q_broadcast,
  cases: attentionGradQ.cases.filter(({ shapes, attributes }) => inBroadcasts(shapes, attributes)),
  tuneRule: gradientRows,
  grid: ownQueries,
  runs: (facts, shapes, attributes) => inSubgroups(facts) && inBroadcasts(shapes, attributes),
  suits: onSoftware,
});

/** The same with one subgroup per workgroup: for heads of other widths. */
export const attentionGradQSubgroup: Kernel<
  typeof shaders.attention_grad_q_subgroup,
  AttentionAttributes
> = mapping(attentionGradQ, {
  shader: shaders.attention_grad_q_subgroup,
  grid: queryBlocks,
  runs: inSubgroups,
  suits: onSoftware,
});

/** The same with one invocation per query: for other software adapters. */
export const attentionGradQRows: Kernel<typeof shaders.attention_grad_q_rows, AttentionAttributes> =
  mapping(attentionGradQ, {
    shader: shaders.attention_grad_q_rows,
    grid: queryRows,
    suits: onSoftware,
  });

/** d_k and d_v of attention from the stats above. d_y [B, L, heads V] -> as k and v. */
export const attentionGradKv: Kernel<typeof shaders.attention_grad_kv, AttentionAttributes> =
  kernel({
    shader: shaders.attention_grad_kv,
    axes: {
      q: "B, L, heads W",
      k: "B, S, kv_heads W",
      v: "B, S, kv_heads V",
      mask: "B or 1, heads or 1, L or 1, S",
      stats: "B, heads, L, 2",
      d_y: "B, L, heads V",
    },
    shapes: (shapes, attributes) => {
      checkGradients(shapes, attributes);
      return { d_k: shapes.k, d_v: shapes.v };
    },
    params,
    // W products for the score, W for d_k, V for d_p, V for d_v, some 14 operations for p and d_s
    cost: (shapes, attributes) =>
      cost(shapes, attributes, (w, v) => 4 * w + 4 * v + 14, [
        shapes.stats,
        shapes.d_y,
        shapes.k,
        shapes.v,
      ]),
    cases: gradientCases,
    reference: (inputs, shapes, attributes) => {
      const { d_k, d_v } = attentionGradReference(inputs, shapes, attributes);
      return { d_k, d_v };
    },
    overrides: tuning,
    grid: keyTiles,
    variants: () => [attentionGradKvBroadcast, attentionGradKvSubgroup, attentionGradKvRows],
  });

/** The same with queries by broadcast and no barrier: for software adapters. */
export const attentionGradKvBroadcast: Kernel<
  typeof shaders.attention_grad_kv_broadcast,
  AttentionAttributes
> = mapping(attentionGradKv, {
  shader: shaders.attention_grad_kv_broadcast,
  cases: attentionGradKv.cases.filter(({ shapes, attributes }) => inBroadcasts(shapes, attributes)),
  tuneRule: gradientRows,
  grid: ownKeys,
  runs: (facts, shapes, attributes) => inSubgroups(facts) && inBroadcasts(shapes, attributes),
  suits: onSoftware,
});

/** The same with one subgroup per workgroup: for heads of other widths. */
export const attentionGradKvSubgroup: Kernel<
  typeof shaders.attention_grad_kv_subgroup,
  AttentionAttributes
> = mapping(attentionGradKv, {
  shader: shaders.attention_grad_kv_subgroup,
  grid: keyBlocks,
  runs: inSubgroups,
  suits: onSoftware,
});

/** The same with one invocation per key: for other software adapters. */
export const attentionGradKvRows: Kernel<
  typeof shaders.attention_grad_kv_rows,
  AttentionAttributes
> = mapping(attentionGradKv, {
  shader: shaders.attention_grad_kv_rows,
  grid: keyRows,
  suits: onSoftware,
});
