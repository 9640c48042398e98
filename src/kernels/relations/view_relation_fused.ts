// Loss between the view relations of student and teacher from their tokens, and its gradient, tile
// by tile: no tokens x tokens matrix is stored. view_relation.ts is the form that stores them.
import { withGradient, type Problem } from "../../engine/problem.ts";
import { like, type NumberArray } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
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

const { ROWS } = shaders.view_relation_fused_grad_register.constants;

type Input = RelationInput;
type Shapes<Name extends string> = Readonly<Record<Name, Shape>>;

const cases: readonly Problem<Input, void>[] = RELATION_CASES.map((problem) => ({
  ...problem,
  attributes: undefined,
}));

/** Entries of all relations. */
function entriesOf(shapes: Shapes<Input>): number {
  const { pairs, tokens } = relationGeometry(shapes);
  return pairs * tokens * tokens;
}

/**
 * Sums of (X_p X_{p+1}^T - Y_p Y_{p+1}^T)^2 and counts by tiles, over ring-adjacent pairs.
 * student X [V, L, E], teacher Y [V, L, F] -> partials [B, 2].
 */
export const viewRelationFused: Kernel<typeof shaders.view_relation_fused> = kernel({
  shader: shaders.view_relation_fused,
  axes: { student: "V, L, E", teacher: "V, L, F" },
  shapes: (shapes) => {
    const { pairs, tiles } = relationGeometry(shapes);
    return { partials: [Math.max(pairs, 1) * tiles * tiles, 2] };
  },
  params: relationGeometry,
  // a multiply-add for each entry and feature of either, then a square; tokens once as either side
  cost: (shapes) => {
    const { features, teacher_features } = relationGeometry(shapes);
    return {
      flops: 2 * entriesOf(shapes) * (features + teacher_features + 1),
      bytes: 8 * (size(shapes.student) + size(shapes.teacher)),
    };
  },
  cases: withGradient(cases, { wrt: ["student"] }),
  reference: lossReference,
  grid: ({ pairs, tiles }) => foldGrid(Math.max(pairs, 1) * tiles * tiles),
  variants: () => [viewRelationFusedRegister],
});

/** As `viewRelationFused`, with one invocation per tile: for software adapters. */
export const viewRelationFusedRegister: Kernel<typeof shaders.view_relation_fused_register> =
  mapping(viewRelationFused, {
    shader: shaders.view_relation_fused_register,
    grid: ({ pairs, tiles }, { WG }) =>
      foldGrid(Math.ceil((Math.max(pairs, 1) * tiles * tiles) / WG)),
    suits: onSoftware,
  });

type GradientInput = Input | "d_loss";

/**
 * d_X_v = d_loss 2 / (pairs L^2) sum_w (X_v X_w^T - Y_v Y_w^T) X_w over the views w that v has a
 * pair with. student X [V, L, E], teacher Y [V, L, F], d_loss [1] -> d_student [V, L, E].
 */
export const viewRelationFusedGrad: Kernel<typeof shaders.view_relation_fused_grad> = kernel({
  shader: shaders.view_relation_fused_grad,
  axes: { student: "V, L, E", teacher: "V, L, F", d_loss: "1" },
  shapes: (shapes) => {
    relationGeometry(shapes);
    expectShape({ d_loss: shapes.d_loss }, [1]);
    return { d_student: shapes.student };
  },
  params: relationGeometry,
  // each entry again in both roles, then a multiply-add with each of the student's features;
  // tokens as either neighbour
  cost: (shapes) => {
    const { features, teacher_features } = relationGeometry(shapes);
    return {
      flops: 4 * entriesOf(shapes) * (2 * features + teacher_features),
      bytes: 4 * (3 * size(shapes.student) + 2 * size(shapes.teacher)),
    };
  },
  cases: cases.map((problem) => ({
    ...problem,
    shapes: { ...problem.shapes, d_loss: [1] },
    // cancels the factor 2 / (pairs L^2), so that no gradient is small
    data: {
      ...problem.data,
      d_loss: { kind: "constant", value: Math.max(entriesOf(problem.shapes), 1) / 2 } as const,
    },
  })),
  reference: gradientReference,
  tuneRule: ({ student }) => ({ CHUNKS: chunksOf(student[2]) }),
  grid: ({ views, tokens, features }, { CHUNKS }) =>
    foldGrid(views * Math.ceil(tokens / TILE) * Math.ceil(features / (TILE * CHUNKS))),
  variants: () => [viewRelationFusedGradRegister],
});

/** As `viewRelationFusedGrad`, with one invocation per eight tokens: for software adapters. */
export const viewRelationFusedGradRegister: Kernel<
  typeof shaders.view_relation_fused_grad_register
> = mapping(viewRelationFusedGrad, {
  shader: shaders.view_relation_fused_grad_register,
  grid: ({ views, tokens }, { WG }) => foldGrid(Math.ceil((views * Math.ceil(tokens / ROWS)) / WG)),
  suits: onSoftware,
});

/** The loss by its definition, added up by tiles. */
function lossReference<T extends NumberArray>(
  { student, teacher }: Record<Input, T>,
  shapes: Shapes<Input>,
): { partials: T } {
  const { views, pairs, tokens, features, teacher_features, tiles } = relationGeometry(shapes);
  const partials = like(student, 2 * Math.max(pairs, 1) * tiles * tiles);
  for (let p = 0; p < pairs; p++) {
    const next = (p + 1) % views;
    for (let i = 0; i < tokens; i++) {
      for (let j = 0; j < tokens; j++) {
        const d =
          similarity(student, p * tokens + i, next * tokens + j, features) -
          similarity(teacher, p * tokens + i, next * tokens + j, teacher_features);
        const tile = (p * tiles + Math.floor(i / TILE)) * tiles + Math.floor(j / TILE);
        partials[2 * tile] += d * d;
        partials[2 * tile + 1] += 1;
      }
    }
  }
  return { partials };
}

/**
 * The gradient, following its definition: every entry of every pair contributes to both its tokens.
 */
function gradientReference<T extends NumberArray>(
  { student, teacher, d_loss }: Record<GradientInput, T>,
  shapes: Shapes<GradientInput>,
): { d_student: T } {
  const { views, pairs, tokens, features, teacher_features } = relationGeometry(shapes);
  const d_student = like(student, student.length);
  const weight = (2 * d_loss[0]) / Math.max(entriesOf(shapes), 1);
  for (let p = 0; p < pairs; p++) {
    const next = (p + 1) % views;
    for (let i = 0; i < tokens; i++) {
      const a = p * tokens + i;
      for (let j = 0; j < tokens; j++) {
        const b = next * tokens + j;
        const d =
          weight *
          (similarity(student, a, b, features) - similarity(teacher, a, b, teacher_features));
        for (let e = 0; e < features; e++) {
          d_student[a * features + e] += d * student[b * features + e];
          d_student[b * features + e] += d * student[a * features + e];
        }
      }
    }
  }
  return { d_student };
}
