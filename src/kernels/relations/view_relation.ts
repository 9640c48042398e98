// Similarity of the tokens of ring-adjacent views (stored form), its gradient, and the loss between
// two such relations. A pair is a view and the next one around the ring, and each unordered pair
// counts once: V pairs, but one for two views and none for one.
import { withGradient, type Problem } from "../../engine/problem.ts";
import { like } from "../../tensor/array.ts";
import { formatShape, size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { slabsOf } from "../masked_mean.ts";
import { shaders } from "../shaders.gen.ts";

/** Ring-adjacent pairs of V views: (p, p + 1 mod V). */
export function ringPairs(views: number): number {
  return views > 2 ? views : Math.max(views - 1, 0);
}

function relationShape(tokens: Shape): Shape {
  if (tokens.length !== 3) throw new Error(`tokens${formatShape(tokens)} must be [V, L, E]`);
  const [views, count] = tokens as readonly [number, number, number];
  return [ringPairs(views), count, count];
}

const cases: Problem<"tokens", void>[] = (
  [
    ["a coarse grid of a rig", [6, 60, 32]],
    ["one view: no pair", [1, 5, 8]],
    ["two views: one pair", [2, 31, 17]],
    ["three views, a tile and one", [3, 33, 15]],
    ["one token, one feature", [4, 1, 1]],
  ] as const
).map(([name, tokens]) => ({ name, shapes: { tokens }, attributes: undefined }));

/** R_p = X_p X_{p+1}^T for each ring-adjacent pair. tokens [V, L, E] -> relation [pairs, L, L]. */
export const viewRelation: Kernel<typeof shaders.view_relation> = kernel({
  shader: shaders.view_relation,
  axes: { tokens: "V, L, E" },
  shapes: ({ tokens }) => ({ relation: relationShape(tokens) }),
  params: ({ tokens: [views = 0, tokens = 0, features = 0] }) => ({ views, tokens, features }),
  grid: ({ views, tokens }) => {
    const tiles = Math.ceil(tokens / shaders.view_relation.constants.TILE);
    return foldGrid(tiles * tiles * ringPairs(views));
  },
  // per entry and feature: a multiply-add; tokens once as either side, relation once
  cost: ({ tokens: [views = 0, tokens = 0, features = 0] }) => {
    const entries = ringPairs(views) * tokens * tokens;
    return { flops: 2 * entries * features, bytes: 4 * (2 * views * tokens * features + entries) };
  },
  terms: ({ tokens }) => tokens[2],
  cases: withGradient(cases, { wrt: ["tokens"] }),
  reference: ({ tokens }, { tokens: [views = 0, count = 0, features = 0] }) => {
    const pairs = ringPairs(views);
    const relation = like(tokens, pairs * count * count);
    for (let p = 0; p < pairs; p++) {
      for (let i = 0; i < count; i++) {
        const a = (p * count + i) * features;
        for (let j = 0; j < count; j++) {
          const b = (((p + 1) % views) * count + j) * features;
          let sum = 0;
          for (let e = 0; e < features; e++) sum += tokens[a + e] * tokens[b + e];
          relation[(p * count + i) * count + j] = sum;
        }
      }
    }
    return { relation };
  },
});

/**
 * d_X_p += d_R_p X_{p+1}, d_X_{p+1} += d_R_p^T X_p. tokens [V, L, E], d_relation [pairs, L, L] ->
 * d_tokens.
 */
export const viewRelationGrad: Kernel<typeof shaders.view_relation_grad> = kernel({
  shader: shaders.view_relation_grad,
  axes: { tokens: "V, L, E", d_relation: "pairs, L, L" },
  shapes: ({ tokens, d_relation }) => {
    expectShape({ d_relation }, relationShape(tokens));
    return { d_tokens: tokens };
  },
  params: ({ tokens: [views = 0, tokens = 0, features = 0] }) => ({
    views,
    pairs: ringPairs(views),
    tokens,
    features,
  }),
  grid: ({ views, tokens, features }) => {
    const { TILE } = shaders.view_relation_grad.constants;
    return foldGrid(views * Math.ceil(tokens / TILE) * Math.ceil(features / TILE));
  },
  // two multiply-adds for each entry and feature; d_relation in both roles, tokens as either
  // neighbour
  cost: ({ tokens: [views = 0, tokens = 0, features = 0] }) => {
    const entries = ringPairs(views) * tokens * tokens;
    return { flops: 4 * entries * features, bytes: 8 * (entries + views * tokens * features) };
  },
  terms: ({ tokens }) => 2 * tokens[1],
  cases: cases.map(({ name, shapes: { tokens } }) => ({
    name,
    shapes: { tokens, d_relation: relationShape(tokens) },
    attributes: undefined,
  })),
  reference: ({ tokens, d_relation }, { tokens: [views = 0, count = 0, features = 0] }) => {
    const d_tokens = like(tokens, tokens.length);
    for (let p = 0; p < ringPairs(views); p++) {
      for (let i = 0; i < count; i++) {
        const a = (p * count + i) * features;
        for (let j = 0; j < count; j++) {
          const b = (((p + 1) % views) * count + j) * features;
          const d = d_relation[(p * count + i) * count + j];
          for (let e = 0; e < features; e++) {
            d_tokens[a + e] += d * tokens[b + e];
            d_tokens[b + e] += d * tokens[a + e];
          }
        }
      }
    }
    return { d_tokens };
  },
});

const lossSizes: readonly (readonly [string, Shape])[] = [
  ["a coarse grid of a rig", [6, 60, 60]],
  ["no pair", [0, 5, 5]],
  ["one entry", [1, 1, 1]],
  ["a slab and one", [1, 25, 41]],
];

const { SLAB } = shaders.view_relation_loss.constants;

/**
 * Sums of (student - teacher)^2 and counts per slice. student, teacher [pairs, L, L] -> partials
 * [B, 2].
 */
export const viewRelationLoss: Kernel<typeof shaders.view_relation_loss> = kernel({
  shader: shaders.view_relation_loss,
  axes: { student: "pairs, L, L", teacher: "pairs, L, L" },
  shapes: ({ student, teacher }) => {
    expectShape({ teacher }, student, "student");
    return { partials: [slabsOf(size(student), SLAB), 2] };
  },
  params: ({ student }) => ({ n: size(student) }),
  grid: ({ n }) => foldGrid(slabsOf(n, SLAB)),
  // per element, a difference and a multiply-add; both once
  cost: ({ student }) => ({ flops: 3 * size(student), bytes: 8 * size(student) }),
  cases: withGradient(
    lossSizes.map(([name, shape]) => ({
      name,
      shapes: { student: shape, teacher: shape },
      attributes: undefined,
    })),
    { wrt: ["student"] },
  ),
  reference: ({ student, teacher }) => {
    const partials = like(student, 2 * slabsOf(student.length, SLAB));
    for (let i = 0; i < student.length; i++) {
      const slab = Math.floor(i / SLAB);
      partials[2 * slab] += (student[i] - teacher[i]) ** 2;
      partials[2 * slab + 1] += 1;
    }
    return { partials };
  },
});

/**
 * d_student = d_loss 2 (student - teacher) / n. student, teacher [pairs, L, L], d_loss [1] ->
 * d_student.
 */
export const viewRelationLossGrad: Kernel<typeof shaders.view_relation_loss_grad> = kernel({
  shader: shaders.view_relation_loss_grad,
  axes: { student: "pairs, L, L", teacher: "pairs, L, L", d_loss: "1" },
  shapes: ({ student, teacher, d_loss }) => {
    expectShape({ teacher }, student, "student");
    expectShape({ d_loss }, [1]);
    return { d_student: student };
  },
  params: ({ student }) => ({ n: size(student) }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  cost: ({ student }) => ({ flops: 2 * size(student), bytes: 12 * size(student) }),
  cases: lossSizes.map(([name, shape]) => ({
    name,
    shapes: { student: shape, teacher: shape, d_loss: [1] },
    attributes: undefined,
  })),
  reference: ({ student, teacher, d_loss }) => {
    const d_student = like(student, student.length);
    const weight = (2 * d_loss[0]) / student.length;
    for (let i = 0; i < student.length; i++) d_student[i] = weight * (student[i] - teacher[i]);
    return { d_student };
  },
});
