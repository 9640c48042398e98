// Tokens of student and teacher as the kernels of a relation loss take them, none of which stores a
// relation: their geometry, their cases and the similarity of two tokens.
import type { NumberArray } from "../../tensor/array.ts";
import { formatShape, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import type { Distribution } from "../../engine/problem.ts";
import { shaders } from "../shaders.gen.ts";
import { ringPairs } from "./view_relation.ts";

/** The side of a tile of a relation; fixed, so that every adapter adds the same numbers. */
export const TILE: number = shaders.view_relation_fused.constants.TILE;

/** The tokens of both sides. */
export type RelationInput = "student" | "teacher";

// tokens with about the length of normalised ones: relations around 0.2
const NEAR_UNIT: Distribution = { kind: "normal", deviation: 0.15 };
/** Cases of tokens: student X [V, L, E], teacher Y [V, L, F]. */
export const RELATION_CASES: readonly {
  readonly name: string;
  readonly shapes: Readonly<Record<RelationInput, Shape>>;
  readonly data: Readonly<Record<RelationInput, Distribution>>;
}[] = (
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
  data: { student: NEAR_UNIT, teacher: NEAR_UNIT },
}));

/** Sizes of a relation loss. */
export interface RelationGeometry {
  readonly views: number;
  readonly pairs: number;
  readonly tokens: number;
  /** E, of the student. */
  readonly features: number;
  /** F. */
  readonly teacher_features: number;
  /** Tiles along one side of a relation, at least 1. */
  readonly tiles: number;
}

/** The geometry of student [V, L, E] and teacher [V, L, F]; throws if they do not fit together. */
export function relationGeometry({
  student,
  teacher,
}: Readonly<Record<RelationInput, Shape>>): RelationGeometry {
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

/**
 * The neighbours of a view in the order of the gradient kernels, each with its pair and whether the
 * view is its second: the next view, then the one before; none that it has no pair with.
 */
export function neighboursOf(
  view: number,
  views: number,
): { readonly other: number; readonly pair: number; readonly direction: 0 | 1 }[] {
  const before = (view + views - 1) % views;
  return [
    { other: (view + 1) % views, pair: view, direction: 0 as const },
    { other: before, pair: before, direction: 1 as const },
  ].filter(({ pair }) => pair < ringPairs(views));
}

/** Chunks of TILE features per workgroup of a gradient: they all share one tile of differences. */
export function chunksOf(features: number): number {
  if (features <= TILE) return 1;
  return features <= 2 * TILE ? 2 : 4;
}

/** Product of rows a and b. */
export function similarity(rows: NumberArray, a: number, b: number, width: number): number {
  let sum = 0;
  for (let e = 0; e < width; e++) sum += rows[a * width + e] * rows[b * width + e];
  return sum;
}
