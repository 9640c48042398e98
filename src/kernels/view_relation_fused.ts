// Loss between the view relations of student and teacher from their tokens, and its gradient, tile
// by tile: no tokens x tokens matrix is stored. view_relation.ts is the form that stores them.
import type { AdapterFacts } from "../gpu/device.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import {
  foldGrid,
  kernel,
  type Case,
  type Cost,
  type Distribution,
  type Kernel,
} from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";
import { ringPairs } from "./view_relation.ts";

/** Side of a tile of a relation; fixed, so that every adapter adds the same numbers. */
const TILE = 32;
/** Tokens of an invocation of the gradient in registers. */
const ROWS = 8;

type Input = "student" | "teacher";
type Shapes<Name extends string> = Readonly<Record<Name, Shape>>;

// tokens of about the length that normalised ones have: relations around 0.2
const NEAR_UNIT: Distribution = { kind: "normal", deviation: 0.15 };
const cases: readonly Case<Input, void>[] = (
  [
    ["a coarse grid of a rig", [6, 60, 32], 64],
    ["one view: no pair", [1, 5, 8], 3],
    ["two views: one pair", [2, 31, 17], 4],
    ["three views, a tile and one, more features than a chunk", [3, 33, 131], 19],
    ["one token, one feature", [4, 1, 1], 1],
    ["two tiles and an odd rest, features of one chunk", [2, 71, 33], 16],
  ] as const
).map(([name, student, teacher]) => ({
  name,
  shapes: { student, teacher: [student[0], student[1], teacher] },
  attributes: undefined,
  data: { student: NEAR_UNIT, teacher: NEAR_UNIT },
}));

/** Numbers of both kernels' geometry; throws where student and teacher do not fit together. */
function geometry({ student, teacher }: Shapes<Input>): {
  readonly views: number;
  readonly pairs: number;
  readonly tokens: number;
  readonly features: number;
  readonly teacher_features: number;
  readonly tiles: number;
} {
  if (student.length !== 3) throw new Error(`student${formatShape(student)} must be [V, L, E]`);
  const [views, tokens, features] = student as readonly [number, number, number];
  expectShape({ teacher }, [views, tokens, teacher[2] ?? features], "student, but for features");
  return {
    views,
    pairs: ringPairs(views),
    tokens,
    features,
    teacher_features: teacher[2],
    tiles: Math.max(1, Math.ceil(tokens / TILE)),
  };
}

/** Entries of all relations. */
function entriesOf(shapes: Shapes<Input>): number {
  const { pairs, tokens } = geometry(shapes);
  return pairs * tokens * tokens;
}

const onSoftware = ({ software }: AdapterFacts): boolean => software;

const forward = {
  shapes: (shapes: Shapes<Input>): { partials: Shape } => {
    const { pairs, tiles } = geometry(shapes);
    return { partials: [Math.max(pairs, 1) * tiles * tiles, 2] };
  },
  params: geometry,
  // a multiply-add for each entry and feature of either, then a square; tokens once as either side
  cost: (shapes: Shapes<Input>): Cost => {
    const { features, teacher_features } = geometry(shapes);
    return {
      flops: 2 * entriesOf(shapes) * (features + teacher_features + 1),
      bytes: 8 * (size(shapes.student) + size(shapes.teacher)),
    };
  },
  cases,
  reference: lossReference,
};

/**
 * Sums of (X_p X_{p+1}^T - Y_p Y_{p+1}^T)^2 and counts by tiles, over ring-adjacent pairs.
 * student X [V, L, E], teacher Y [V, L, F] -> partials [B, 2].
 */
export const viewRelationFused: Kernel<typeof shaders.view_relation_fused> = kernel({
  ...forward,
  shader: shaders.view_relation_fused,
  grid: ({ pairs, tiles }) => foldGrid(Math.max(pairs, 1) * tiles * tiles),
  variants: () => [viewRelationFusedRegister] as readonly Kernel[],
});

/** As `viewRelationFused`, an invocation a tile: for software adapters. */
export const viewRelationFusedRegister: Kernel<typeof shaders.view_relation_fused_register> =
  kernel({
    ...forward,
    shader: shaders.view_relation_fused_register,
    grid: ({ pairs, tiles }, { WG }) =>
      foldGrid(Math.ceil((Math.max(pairs, 1) * tiles * tiles) / WG)),
    offered: onSoftware,
  });

type GradientInput = Input | "d_loss";

const gradient = {
  shapes: (shapes: Shapes<GradientInput>): { d_student: Shape } => {
    geometry(shapes);
    expectShape({ d_loss: shapes.d_loss }, [1]);
    return { d_student: shapes.student };
  },
  params: geometry,
  // each entry again in both roles, then a multiply-add with each of the student's features;
  // tokens as either neighbour
  cost: (shapes: Shapes<GradientInput>): Cost => {
    const { features, teacher_features } = geometry(shapes);
    return {
      flops: 4 * entriesOf(shapes) * (2 * features + teacher_features),
      bytes: 4 * (3 * size(shapes.student) + 2 * size(shapes.teacher)),
    };
  },
  cases: cases.map((problem) => ({
    ...problem,
    shapes: { ...problem.shapes, d_loss: [1] },
    // 2 / (pairs L^2) away, so that no gradient is small
    data: {
      ...problem.data,
      d_loss: { kind: "constant", value: Math.max(entriesOf(problem.shapes), 1) / 2 } as const,
    },
  })),
  reference: gradientReference,
};

/**
 * d_X_v = d_loss 2 / (pairs L^2) sum_w (X_v X_w^T - Y_v Y_w^T) X_w over the views w that v has a
 * pair with. student X [V, L, E], teacher Y [V, L, F], d_loss [1] -> d_student [V, L, E].
 */
export const viewRelationFusedGrad: Kernel<typeof shaders.view_relation_fused_grad> = kernel({
  ...gradient,
  shader: shaders.view_relation_fused_grad,
  tuneRule: ({ student }) => ({ CHUNKS: chunksOf(student[2]) }),
  grid: ({ views, tokens, features }, { CHUNKS }) =>
    foldGrid(views * Math.ceil(tokens / TILE) * Math.ceil(features / (TILE * CHUNKS))),
  variants: () => [viewRelationFusedGradRegister] as readonly Kernel[],
});

/** As `viewRelationFusedGrad`, an invocation eight tokens: for software adapters. */
export const viewRelationFusedGradRegister: Kernel<
  typeof shaders.view_relation_fused_grad_register
> = kernel({
  ...gradient,
  shader: shaders.view_relation_fused_grad_register,
  grid: ({ views, tokens }, { WG }) => foldGrid(Math.ceil((views * Math.ceil(tokens / ROWS)) / WG)),
  offered: onSoftware,
});

/** Chunks of TILE features that a workgroup holds: a tile of differences serves them all. */
function chunksOf(features: number): number {
  if (features <= TILE) return 1;
  return features <= 2 * TILE ? 2 : 4;
}

/** Product of rows a and b. */
function similarity(rows: NumberArray, a: number, b: number, width: number): number {
  let sum = 0;
  for (let e = 0; e < width; e++) sum += rows[a * width + e] * rows[b * width + e];
  return sum;
}

/** The loss as it is defined, added up by tiles. */
function lossReference<T extends NumberArray>(
  { student, teacher }: Record<Input, T>,
  shapes: Shapes<Input>,
): { partials: T } {
  const { views, pairs, tokens, features, teacher_features, tiles } = geometry(shapes);
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

/** The gradient as it is defined: every entry of every pair pulls at both its tokens. */
function gradientReference<T extends NumberArray>(
  { student, teacher, d_loss }: Record<GradientInput, T>,
  shapes: Shapes<GradientInput>,
): { d_student: T } {
  const { views, pairs, tokens, features, teacher_features } = geometry(shapes);
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
