// Loss between the view relations of student and teacher in which every entry has a weight, and its
// gradient, tile by tile: no relation is stored, only the weights, which the host gives.
import { like, type NumberArray } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { withGradient, type Problem, type Distribution } from "../../engine/problem.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { shaders } from "../shaders.gen.ts";
import {
  chunksOf,
  RELATION_CASES,
  relationGeometry,
  similarity,
  TILE,
  type RelationInput,
} from "./relation_problem.ts";

type Input = RelationInput | "weights";
type Shapes<Name extends string> = Readonly<Record<Name, Shape>>;

const WEIGHTS: Distribution = { kind: "uniform", low: 0, high: 2 };
const weightsOf = (shapes: Shapes<RelationInput>): Shape => {
  const { pairs, tokens } = relationGeometry(shapes);
  return [pairs, tokens, tokens];
};
const cases: readonly Problem<Input, void>[] = [
  ...RELATION_CASES.map((problem) => ({ ...problem, weights: WEIGHTS })),
  { ...RELATION_CASES[2], name: "no weight", weights: { kind: "constant", value: 0 } as const },
].map(({ name, shapes, data, weights }) => ({
  name,
  shapes: { ...shapes, weights: weightsOf(shapes) },
  attributes: undefined,
  data: { ...data, weights },
}));

/**
 * Sums of w (X_p X_{p+1}^T - Y_p Y_{p+1}^T)^2 and of w by tiles, over ring-adjacent pairs. student X
 * [V, L, E], teacher Y [V, L, F], weights w [pairs, L, L] -> partials [B, 2].
 */
export const viewRelationWeighted: Kernel<typeof shaders.view_relation_weighted> = kernel({
  shader: shaders.view_relation_weighted,
  axes: { student: "V, L, E", teacher: "V, L, F", weights: "pairs, L, L" },
  shapes: (shapes) => {
    const { pairs, tiles } = relationGeometry(shapes);
    expectShape({ weights: shapes.weights }, weightsOf(shapes));
    return { partials: [Math.max(pairs, 1) * tiles * tiles, 2] };
  },
  params: relationGeometry,
  // a multiply-add for each entry and feature of either, then a weighted square; each input once
  cost: (shapes) => ({
    flops: 2 * size(shapes.weights) * (shapes.student[2] + shapes.teacher[2] + 2),
    bytes: 8 * (size(shapes.student) + size(shapes.teacher)) + 4 * size(shapes.weights),
  }),
  cases: withGradient(cases, { wrt: ["student"] }),
  reference: lossReference,
  grid: ({ pairs, tiles }) => foldGrid(Math.max(pairs, 1) * tiles * tiles),
  variants: () => [viewRelationWeightedRows],
});

/** As `viewRelationWeighted`, with one invocation per tile: for software adapters. */
export const viewRelationWeightedRows: Kernel<typeof shaders.view_relation_weighted_rows> = mapping(
  viewRelationWeighted,
  {
    shader: shaders.view_relation_weighted_rows,
    grid: ({ pairs, tiles }, { WG }) =>
      foldGrid(Math.ceil((Math.max(pairs, 1) * tiles * tiles) / WG)),
    suits: onSoftware,
  },
);

type GradientInput = Input | "total" | "d_loss";

/**
 * d_X_v = 2 d_loss / max(total, 1) sum_w weights (X_v X_w^T - Y_v Y_w^T) X_w over the views w that v
 * has a pair with. student X [V, L, E], teacher Y [V, L, F], weights [pairs, L, L], total [1] their
 * sum, d_loss [1] -> d_student [V, L, E].
 */
export const viewRelationWeightedGrad: Kernel<typeof shaders.view_relation_weighted_grad> = kernel({
  shader: shaders.view_relation_weighted_grad,
  axes: {
    student: "V, L, E",
    teacher: "V, L, F",
    weights: "pairs, L, L",
    total: "1",
    d_loss: "1",
  },
  shapes: (shapes) => {
    expectShape({ weights: shapes.weights }, weightsOf(shapes));
    expectShape({ total: shapes.total }, [1]);
    expectShape({ d_loss: shapes.d_loss }, [1]);
    return { d_student: shapes.student };
  },
  params: (shapes) => {
    const { tiles: _, ...sizes } = relationGeometry(shapes);
    return sizes;
  },
  tuneRule: ({ student }) => ({ CHUNKS: chunksOf(student[2]) }),
  grid: ({ views, tokens, features }, { CHUNKS }) =>
    foldGrid(views * Math.ceil(tokens / TILE) * Math.ceil(features / (TILE * CHUNKS))),
  // each entry again in both roles, then a multiply-add with each of the student's features
  cost: (shapes) => ({
    flops: 4 * size(shapes.weights) * (2 * shapes.student[2] + shapes.teacher[2] + 1),
    bytes: 4 * (3 * size(shapes.student) + 2 * size(shapes.teacher) + 2 * size(shapes.weights)),
  }),
  cases: cases.map((problem) => ({
    ...problem,
    shapes: { ...problem.shapes, total: [1], d_loss: [1] },
    // the factor 2 / total is cancelled, so that no gradient is small
    data: {
      ...problem.data,
      total: { kind: "constant", value: size(problem.shapes.weights) } as const,
      d_loss: { kind: "constant", value: Math.max(size(problem.shapes.weights), 1) / 2 } as const,
    },
  })),
  reference: gradientReference,
  variants: () => [viewRelationWeightedGradRows],
});

/** As `viewRelationWeightedGrad`, with one invocation per token: for software adapters. */
export const viewRelationWeightedGradRows: Kernel<typeof shaders.view_relation_weighted_grad_rows> =
  mapping(viewRelationWeightedGrad, {
    shader: shaders.view_relation_weighted_grad_rows,
    grid: ({ views, tokens }, { WG }) => foldGrid(Math.ceil((views * tokens) / WG)),
    suits: onSoftware,
  });

/** Calls back for each entry of each pair with its tokens and its difference. */
function eachEntry(
  { student, teacher }: Readonly<Record<RelationInput, NumberArray>>,
  shapes: Shapes<RelationInput>,
  visit: (entry: number, a: number, b: number, difference: number) => void,
): void {
  const { views, pairs, tokens, features, teacher_features } = relationGeometry(shapes);
  for (let entry = 0; entry < pairs * tokens * tokens; entry++) {
    const a = Math.floor(entry / tokens);
    const b = ((Math.floor(a / tokens) + 1) % views) * tokens + (entry % tokens);
    const d = similarity(student, a, b, features) - similarity(teacher, a, b, teacher_features);
    visit(entry, a, b, d);
  }
}

/** The loss by its definition, added up by tiles. */
function lossReference<T extends NumberArray>(
  inputs: Record<Input, T>,
  shapes: Shapes<Input>,
): { partials: T } {
  const { pairs, tokens, tiles } = relationGeometry(shapes);
  const partials = like(inputs.student, 2 * Math.max(pairs, 1) * tiles * tiles);
  eachEntry(inputs, shapes, (entry, a, _, d) => {
    const [i, j] = [a % tokens, entry % tokens].map((token) => Math.floor(token / TILE));
    const tile = (Math.floor(a / tokens) * tiles + i) * tiles + j;
    partials[2 * tile] += inputs.weights[entry] * d * d;
    partials[2 * tile + 1] += inputs.weights[entry];
  });
  return { partials };
}

/** The gradient as it is defined: every entry of every pair contributes to both its tokens. */
function gradientReference<T extends NumberArray>(
  inputs: Record<GradientInput, T>,
  shapes: Shapes<GradientInput>,
): { d_student: T } {
  const { student, weights, total, d_loss } = inputs;
  const { features } = relationGeometry(shapes);
  const d_student = like(student, student.length);
  const factor = (2 * d_loss[0]) / Math.max(total[0], 1);
  eachEntry(inputs, shapes, (entry, a, b, apart) => {
    const d = factor * weights[entry] * apart;
    for (let e = 0; e < features; e++) {
      d_student[a * features + e] += d * student[b * features + e];
      d_student[b * features + e] += d * student[a * features + e];
    }
  });
  return { d_student };
}
