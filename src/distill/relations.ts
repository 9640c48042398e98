// View-relational distillation (VRKD): the choices of a relation between ring-adjacent views, each a
// loss between the student's and the teacher's. src/distill/README.md has the definitions.
import { reshape } from "../graph/apply.ts";
import { clamp, divide, multiply, scaleShift, subtract } from "../graph/ops/arithmetic.ts";
import { binKl } from "../graph/ops/bin_kl.ts";
import { binPool } from "../graph/ops/bin_pool.ts";
import { concat } from "../graph/ops/concat.ts";
import { reduce } from "../graph/ops/reduce.ts";
import { transpose } from "../graph/ops/slice.ts";
import { softmaxBins } from "../graph/ops/softmax_bins.ts";
import { unary } from "../graph/ops/unary.ts";
import {
  maskedPool,
  normalizeRows,
  viewRelation,
  viewRelationLoss,
} from "../graph/ops/view_relation.ts";
import { viewRelationFused } from "../graph/ops/view_relation_fused.ts";
import { viewRelationSoftmax } from "../graph/ops/view_relation_softmax.ts";
import { viewRelationWeighted } from "../graph/ops/view_relation_weighted.ts";
import type { Value } from "../graph/value.ts";
import type { StudentOutput } from "../student/student.ts";
import { InputError } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";
import type { TeacherBins } from "./bin_levels.ts";
import { OVERLAP_WEIGHTS } from "./overlap.ts";
import type { TeacherValues } from "./teacher_values.ts";
import { viewVectorLoss } from "./view_vectors.ts";

/** The relations that a loss may compare. */
export const RELATIONS = [
  "cosine",
  "aligned",
  "features",
  "softmax",
  "overlap",
  "views",
  "probabilities",
  "none",
] as const;
/** One of them. */
export type Relation = (typeof RELATIONS)[number];

/** The choices of the relation term. */
export interface RelationConfig {
  /** View-relational distillation. */
  readonly relation: Relation;
  /** Whether relations are computed tile by tile or stored: equal up to rounding. */
  readonly relation_form: "fused" | "stored";
  /** Tokens of a view along height and width. */
  readonly relation_grid: readonly [number, number];
  /** The divisor of similarities before the softmax of `softmax`. */
  readonly relation_temperature: number;
}

/** The inputs of a relation. */
export interface RelationInputs {
  readonly student: Pick<StudentOutput, "logits" | "binomial" | "centers" | "embedding">;
  readonly teacher: TeacherValues;
  readonly bins: Pick<TeacherBins, "logits">;
  /** `[V,h,w,1]` weights of the pixels in pooled tokens. */
  readonly usable: Value;
  /** `[pairs,L,L]` of `overlapInput`; null for any relation but `overlap`. */
  readonly overlap_weights: Value | null;
}

/** The relation term, `[1]`; null for `none`. Throws InputError for a teacher that lacks a part. */
export function relationLoss(inputs: RelationInputs, config: RelationConfig): Value | null {
  const { relation } = config;
  if (relation === "none") return null;
  checkTeacher(inputs.teacher, relation);
  const { student, usable } = inputs;
  const grid = relation === "views" ? ([1, 1] as const) : config.relation_grid;
  const own =
    relation === "probabilities"
      ? pooledBins(student, student.logits, inputs, config, grid)
      : maskedPool(student.embedding, usable, { grid });
  const taught = pooledTeacher(inputs, config, grid);
  if (relation === "views") return viewVectorLoss(own, taught, usable);
  const [of_student, of_teacher] = [normalizeRows(own), normalizeRows(taught)];
  if (relation === "softmax") return softmaxLoss(of_student, of_teacher, config);
  if (relation === "overlap") {
    return weightedLoss(of_student, of_teacher, inputs.overlap_weights, config);
  }
  return config.relation_form === "fused"
    ? viewRelationFused(of_student, of_teacher)
    : viewRelationLoss(viewRelation(of_student), viewRelation(of_teacher));
}

type Grid = readonly [number, number];

/** The teacher's tokens before their division by length: its embedding, or its probabilities. */
function pooledTeacher(inputs: RelationInputs, config: RelationConfig, grid: Grid): Value {
  const { teacher, bins, usable } = inputs;
  if (config.relation === "features" && teacher.embedding !== null) {
    return maskedPool(teacher.embedding, usable, { grid });
  }
  return pooledBins(teacher, bins.logits, inputs, config, grid);
}

/** Probabilities pooled to tokens [V, L, K], straight from (pi, t) where there is one. */
function pooledBins(
  { binomial }: Pick<TeacherValues, "binomial">,
  logits: Value,
  { student: { centers }, usable }: Pick<RelationInputs, "student" | "usable">,
  { relation_form }: RelationConfig,
  grid: Grid,
): Value {
  if (binomial !== null && relation_form === "fused") {
    return binPool({ ...binomial, centers, mask: usable }, { grid });
  }
  return maskedPool(softmaxBins(logits), usable, { grid });
}

function checkTeacher({ depth_m, embedding }: TeacherValues, relation: Relation): void {
  if (relation === "aligned" && depth_m === null) {
    throw new InputError(
      "loss.relation aligned: needs a teacher whose index means the same depth in every view, and " +
        "only one that gives depth_m says so; choose such a teacher, or loss.relation cosine",
    );
  }
  if (relation === "features" && embedding === null) {
    throw new InputError(
      "loss.relation features: needs a teacher with an embedding, which this one does not give; " +
        "choose such a teacher, or loss.relation cosine",
    );
  }
}

/** Divergence of row softmaxes over both directions of each pair. */
function softmaxLoss(
  student: Value,
  teacher: Value,
  { relation_form, relation_temperature: temperature }: RelationConfig,
): Value {
  if (relation_form === "fused") return viewRelationSoftmax(student, teacher, { temperature });
  const rows = (tokens: Value): Value => {
    const relation = viewRelation(tokens);
    return concat([relation, transpose(relation, [0, 2, 1])], 0);
  };
  const of_student = rows(student);
  const shape = [...of_student.shape.slice(0, -1), 1];
  const data = new Float32Array(size(shape)).fill(1);
  const all = student.graph.add("every_row", shape, { kind: "constant", data });
  const loss = binKl(of_student, rows(teacher), all, { temperature });
  return scaleShift(loss, 1 / temperature ** 2, 0); // binKl multiplies by the square
}

/** Weighted mean of squared differences of the cosines. */
function weightedLoss(
  student: Value,
  teacher: Value,
  weights: Value | null,
  { relation_form }: RelationConfig,
): Value {
  if (weights === null) {
    throw new InputError(`loss.relation overlap: needs ${OVERLAP_WEIGHTS}, made from the cameras`);
  }
  if (relation_form === "fused") return viewRelationWeighted(student, teacher, weights);
  const squared = unary(subtract(viewRelation(student), viewRelation(teacher)), "square");
  const total = clamp(reduce(weights, "sum"), 1, 1e30);
  return reshape(divide(reduce(multiply(weights, squared), "sum"), total), [1]);
}
