// Divergence between the row softmax of the view relations of student and teacher from their tokens,
// and its gradient, tile by tile: no tokens x tokens matrix is stored. Each row is a token of a view
// over the tokens of one neighbour; both directions of a pair count.
import { like, type NumberArray } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { withGradient, type Problem } from "../../engine/problem.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { shaders } from "../shaders.gen.ts";
import {
  chunksOf,
  neighboursOf,
  RELATION_CASES,
  relationGeometry,
  similarity,
  TILE,
  type RelationGeometry,
  type RelationInput,
} from "./relation_problem.ts";

/** The divisor of the similarities before their softmax. */
export interface RelationSoftmaxAttributes {
  readonly temperature: number;
}

type Shapes = Readonly<Record<RelationInput, Shape>>;
const cases: readonly Problem<RelationInput, RelationSoftmaxAttributes>[] = [
  ...RELATION_CASES.map((problem) => ({ ...problem, attributes: { temperature: 0.1 } })),
  { ...RELATION_CASES[3], name: "a high temperature", attributes: { temperature: 2 } },
];

function geometry(shapes: Shapes, { temperature }: RelationSoftmaxAttributes): RelationGeometry {
  if (!(temperature > 0)) throw new Error(`a temperature of ${temperature} is not above 0`);
  return relationGeometry(shapes);
}

const statisticsOf = ([views, tokens]: Shape): Shape => [views, 2, tokens, 2];

/**
 * Sums of KL(softmax(t) || softmax(s)) over rows and counts of rows, s = X_v X_w^T / temperature and
 * t likewise of the teacher, w each neighbour of v. student X [V, L, E], teacher Y [V, L, F] ->
 * partials [2 V tiles, 2], statistics [V, 2, L, 2] = (ln sum e^s, ln sum e^t) towards the next view
 * and the one before.
 */
export const viewRelationSoftmax: Kernel<
  typeof shaders.view_relation_softmax,
  RelationSoftmaxAttributes
> = kernel({
  shader: shaders.view_relation_softmax,
  axes: { student: "V, L, E", teacher: "V, L, F" },
  shapes: (shapes, attributes) => {
    const { views, tiles } = geometry(shapes, attributes);
    return { partials: [2 * views * tiles, 2], statistics: statisticsOf(shapes.student) };
  },
  params: (shapes, { temperature }) => ({
    ...relationGeometry(shapes),
    inverse_temperature: 1 / temperature,
  }),
  grid: ({ views, tiles }) => foldGrid(2 * views * tiles),
  // both directions: a multiply-add for each entry and feature of either, two exponentials (8)
  cost: (shapes) => {
    const { pairs, tokens, features, teacher_features } = relationGeometry(shapes);
    return {
      flops: 2 * pairs * tokens * tokens * (2 * (features + teacher_features) + 24),
      bytes: 4 * (size(shapes.student) + size(shapes.teacher) + size(statisticsOf(shapes.student))),
    };
  },
  terms: ({ student, teacher }) => student[2] + teacher[2] + student[1],
  magnitudes: lossMagnitudes,
  cases: withGradient(cases, { wrt: ["student"] }),
  reference: lossReference,
  variants: () => [viewRelationSoftmaxRows],
});

/** As `viewRelationSoftmax`, with one invocation per tile of rows: for software adapters. */
export const viewRelationSoftmaxRows: Kernel<
  typeof shaders.view_relation_softmax_rows,
  RelationSoftmaxAttributes
> = mapping(viewRelationSoftmax, {
  shader: shaders.view_relation_softmax_rows,
  grid: ({ views, tiles }, { WG }) => foldGrid(Math.ceil((2 * views * tiles) / WG)),
  suits: onSoftware,
});

type GradientInput = RelationInput | "statistics" | "d_loss";

/**
 * d_X_v = d_loss / (2 pairs L temperature) sum_w sum_j (p_vw - q_vw + (p_wv - q_wv)^T) X_w over the
 * views w that v has a pair with, p = softmax(s), q = softmax(t). student X [V, L, E], teacher Y
 * [V, L, F], statistics [V, 2, L, 2], d_loss [1] -> d_student [V, L, E].
 */
export const viewRelationSoftmaxGrad: Kernel<
  typeof shaders.view_relation_softmax_grad,
  RelationSoftmaxAttributes
> = kernel({
  shader: shaders.view_relation_softmax_grad,
  axes: { student: "V, L, E", teacher: "V, L, F", statistics: "V, 2, L, 2", d_loss: "1" },
  shapes: ({ student, teacher, statistics, d_loss }, attributes) => {
    geometry({ student, teacher }, attributes);
    expectShape({ statistics }, statisticsOf(student));
    expectShape({ d_loss }, [1]);
    return { d_student: student };
  },
  params: (shapes, { temperature }) => {
    const { tiles: _, ...sizes } = relationGeometry(shapes);
    return { ...sizes, inverse_temperature: 1 / temperature };
  },
  tuneRule: ({ student }) => ({ CHUNKS: chunksOf(student[2]) }),
  grid: ({ views, tokens, features }, { CHUNKS }) =>
    foldGrid(views * Math.ceil(tokens / TILE) * Math.ceil(features / (TILE * CHUNKS))),
  // each entry again in both roles with four exponentials (8), then a multiply-add with each of the
  // student's features
  cost: (shapes) => {
    const { pairs, tokens, features, teacher_features } = relationGeometry(shapes);
    return {
      flops: 2 * pairs * tokens * tokens * (4 * features + 2 * teacher_features + 36),
      bytes:
        4 * (3 * size(shapes.student) + 2 * size(shapes.teacher) + 2 * size(shapes.statistics)),
    };
  },
  terms: ({ student, teacher }) => student[2] + teacher[2] + student[1],
  magnitudes: gradientMagnitudes,
  cases: cases.map((problem) => {
    const { pairs, tokens } = relationGeometry(problem.shapes);
    return {
      ...problem,
      shapes: { ...problem.shapes, statistics: statisticsOf(problem.shapes.student), d_loss: [1] },
      data: {
        ...problem.data,
        // about ln L, so that probabilities add up to about 1
        statistics: {
          kind: "normal",
          mean: Math.log(tokens) + 0.2 / problem.attributes.temperature,
          deviation: 0.1,
        } as const,
        // cancels the factor 1 / (2 pairs L), so that no gradient is small
        d_loss: { kind: "constant", value: Math.max(2 * pairs * tokens, 1) } as const,
      },
    };
  }),
  reference: gradientReference,
  variants: () => [viewRelationSoftmaxGradRows],
});

/** As `viewRelationSoftmaxGrad`, with one invocation per token: for software adapters. */
export const viewRelationSoftmaxGradRows: Kernel<
  typeof shaders.view_relation_softmax_grad_rows,
  RelationSoftmaxAttributes
> = mapping(viewRelationSoftmaxGrad, {
  shader: shaders.view_relation_softmax_grad_rows,
  grid: ({ views, tokens }, { WG }) => foldGrid(Math.ceil((views * tokens) / WG)),
  suits: onSoftware,
});

/** s and t of one row: a token of a view over the tokens of another, and the sums of its softmax. */
function rowOf(
  { student, teacher }: Readonly<Record<RelationInput, NumberArray>>,
  at: RelationGeometry,
  { view, other, i }: { readonly view: number; readonly other: number; readonly i: number },
  temperature: number,
): { s: number[]; t: number[] } {
  const entries = (rows: NumberArray, width: number): number[] =>
    Array.from(
      { length: at.tokens },
      (_, j) => similarity(rows, view * at.tokens + i, other * at.tokens + j, width) / temperature,
    );
  return { s: entries(student, at.features), t: entries(teacher, at.teacher_features) };
}

/** ln sum e^x. */
function logSum(x: readonly number[]): number {
  const top = x.reduce((most, v) => (Number.isNaN(v) || v > most ? v : most), -Infinity);
  return top + Math.log(x.reduce((sum, v) => sum + Math.exp(v - top), 0));
}

/** The loss by its definition, added up by tiles. */
function lossReference<T extends NumberArray>(
  inputs: Record<RelationInput, T>,
  shapes: Shapes,
  { temperature }: RelationSoftmaxAttributes,
): { partials: T; statistics: T } {
  const at = relationGeometry(shapes);
  const partials = like(inputs.student, 4 * at.views * at.tiles);
  const statistics = like(inputs.student, size(statisticsOf(shapes.student)));
  for (let view = 0; view < at.views; view++) {
    for (const { other, direction } of neighboursOf(view, at.views)) {
      for (let i = 0; i < at.tokens; i++) {
        const { s, t } = rowOf(inputs, at, { view, other, i }, temperature);
        const [ofStudent, ofTeacher] = [logSum(s), logSum(t)];
        const line = 2 * view + direction;
        const tile = line * at.tiles + Math.floor(i / TILE);
        t.forEach((entry, j) => {
          const apart = entry - ofTeacher - (s[j] - ofStudent);
          partials[2 * tile] += Math.exp(entry - ofTeacher) * apart;
        });
        partials[2 * tile + 1] += 1;
        statistics.set([ofStudent, ofTeacher], 2 * (line * at.tokens + i));
      }
    }
  }
  return { partials, statistics };
}

/** Sum of |x_e y_e| of two tokens over the temperature, the largest over the tokens of a view. */
function largestEntry(
  inputs: Readonly<Record<RelationInput, NumberArray>>,
  at: RelationGeometry,
  place: { readonly view: number; readonly other: number; readonly i: number },
  temperature: number,
): number {
  const { s, t } = rowOf(
    { student: inputs.student.map(Math.abs), teacher: inputs.teacher.map(Math.abs) },
    at,
    place,
    temperature,
  );
  return Math.max(...s) + Math.max(...t);
}

/** Per row: its largest entries and the logarithms of its sums, which the loss subtracts. */
function lossMagnitudes<T extends NumberArray>(
  inputs: Record<RelationInput, T>,
  shapes: Shapes,
  attributes: RelationSoftmaxAttributes,
): { partials: T; statistics: T } {
  const at = relationGeometry(shapes);
  const { partials, statistics } = lossReference(inputs, shapes, attributes);
  partials.fill(0);
  for (let view = 0; view < at.views; view++) {
    for (const { other, direction } of neighboursOf(view, at.views)) {
      for (let i = 0; i < at.tokens; i++) {
        const line = 2 * view + direction;
        const place = 2 * (line * at.tokens + i);
        const entry = largestEntry(inputs, at, { view, other, i }, attributes.temperature);
        for (const end of [place, place + 1]) statistics[end] = Math.abs(statistics[end]) + entry;
        const tile = line * at.tiles + Math.floor(i / TILE);
        partials[2 * tile] += statistics[place] + statistics[place + 1];
      }
    }
  }
  return { partials, statistics };
}

/** Calls back for each entry of each row in both roles of its pair, with its four probabilities. */
function eachEntry(
  inputs: Readonly<Record<Exclude<GradientInput, "d_loss">, NumberArray>>,
  at: RelationGeometry,
  temperature: number,
  visit: (a: number, b: number, own: [number, number], theirs: [number, number]) => void,
): void {
  const { statistics } = inputs;
  for (let view = 0; view < at.views; view++) {
    for (const { other, direction } of neighboursOf(view, at.views)) {
      for (let i = 0; i < at.tokens; i++) {
        const { s, t } = rowOf(inputs, at, { view, other, i }, temperature);
        const ends = (v: number, towards: number, token: number): number =>
          2 * ((2 * v + towards) * at.tokens + token);
        for (let j = 0; j < at.tokens; j++) {
          const probabilities = (end: number): [number, number] => [
            Math.exp(s[j] - statistics[end]),
            Math.exp(t[j] - statistics[end + 1]),
          ];
          const own = probabilities(ends(view, direction, i));
          const theirs = probabilities(ends(other, 1 - direction, j));
          visit(view * at.tokens + i, other * at.tokens + j, own, theirs);
        }
      }
    }
  }
}

/** The factor of all sums of the gradient. */
function weightOf(d_loss: number, at: RelationGeometry, temperature: number): number {
  return d_loss / (2 * Math.max(at.pairs, 1) * at.tokens * temperature);
}

/** The gradient as it is defined. */
function gradientReference<T extends NumberArray>(
  inputs: Record<GradientInput, T>,
  shapes: Readonly<Record<GradientInput, Shape>>,
  { temperature }: RelationSoftmaxAttributes,
): { d_student: T } {
  const at = relationGeometry(shapes);
  const { student, d_loss } = inputs;
  const d_student = like(student, student.length);
  const weight = weightOf(d_loss[0], at, temperature);
  eachEntry(inputs, at, temperature, (a, b, own, theirs) => {
    const d = weight * (own[0] - own[1] + (theirs[0] - theirs[1]));
    for (let e = 0; e < at.features; e++) {
      d_student[a * at.features + e] += d * student[b * at.features + e];
    }
  });
  return { d_student };
}

/** Per element: all four probabilities times the features, for entries of up to 1 / temperature. */
function gradientMagnitudes<T extends NumberArray>(
  inputs: Record<GradientInput, T>,
  shapes: Readonly<Record<GradientInput, Shape>>,
  { temperature }: RelationSoftmaxAttributes,
): { d_student: T } {
  const at = relationGeometry(shapes);
  const { student, d_loss } = inputs;
  const d_student = like(student, student.length);
  const weight = Math.abs(weightOf(d_loss[0], at, temperature));
  eachEntry(inputs, at, temperature, (a, b, own, theirs) => {
    const d = weight * (1 + 1 / temperature) * (own[0] + own[1] + theirs[0] + theirs[1]);
    for (let e = 0; e < at.features; e++) {
      d_student[a * at.features + e] += d * Math.abs(student[b * at.features + e]);
    }
  });
  return { d_student };
}
