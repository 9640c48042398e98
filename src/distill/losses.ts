// The training loss: supervised SILog, cross-interaction distillation (CKD: KL of probabilities and
// the cross term) and view-relational distillation (VRKD), each weighted by a step scalar so that
// weights can ramp up. src/distill/README.md has the definitions.
import type { Graph } from "../graph/graph.ts";
import { add, scaleBy } from "../graph/ops/arithmetic.ts";
import { binDecode } from "../graph/ops/bin_decode.ts";
import { resizeBilinear, resizeNearest } from "../graph/ops/resize.ts";
import { silog } from "../graph/ops/silog.ts";
import { softBins } from "../graph/ops/soft_bins.ts";
import { softmaxBins } from "../graph/ops/softmax_bins.ts";
import {
  maskedPool,
  normalizeRows,
  viewRelation,
  viewRelationLoss,
} from "../graph/ops/view_relation.ts";
import { viewRelationFused } from "../graph/ops/view_relation_fused.ts";
import type { Value } from "../graph/value.ts";
import type { StudentOutput } from "../student/student.ts";
import { distillBins } from "./bin_levels.ts";
import type { TeacherValues } from "./teacher_values.ts";

/** Which terms there are and their settings; the weights are step scalars `weight_{term}`. */
export interface LossConfig {
  /** Cross-interaction distillation: the KL of probabilities. */
  readonly ckd: boolean;
  /** Its second half: teacher probabilities with student centres against ground truth. */
  readonly cross_term: "silog" | "none";
  /** View-relational distillation. */
  readonly relation: "cosine" | "none";
  /** Whether relations are computed tile by tile or stored: equal up to rounding. */
  readonly relation_form: "fused" | "stored";
  /**
   * Whether bins are decoded and distilled in one sweep that stores none, or from stored logits:
   * equal up to rounding. A temperature other than 1 requires the stored form.
   */
  readonly bins_form: "fused" | "stored";
  /** tau of the KL. */
  readonly temperature: number;
  /** Tokens of a view along height and width. */
  readonly relation_grid: readonly [number, number];
}

/** The inputs of the losses other than the student's output. */
export interface Targets {
  /** `[V,H,W,1]` metres, 0 = none. */
  readonly depth_m: Value;
  /** `[V,H,W,1]` 1 where depth_m counts: supervised and cross terms. */
  readonly valid: Value;
  /** `[V,H,W,1]` 1 where the pixel shows the world: the KL, and the weights of pooled tokens. */
  readonly usable: Value;
  /** The parts of the teacher; null without one. */
  readonly teacher: TeacherValues | null;
}

/** The names of the terms, in the order of reports. */
export const LOSS_TERMS = ["silog", "kl", "cross", "relation"] as const;
/** One of the terms. */
export type LossTerm = (typeof LOSS_TERMS)[number];

/** The loss and its terms before weighting, each one number. */
export interface Losses {
  readonly total: Value;
  readonly terms: Readonly<Partial<Record<LossTerm, Value>>>;
  /** `[1]` pixels with ground truth in this step. */
  readonly valid_count: Value;
}

/** The step scalar that weighs a term. */
export function weightName(term: LossTerm): string {
  return `weight_${term}`;
}

/** Builds the loss of a student; teacher terms only if there is a teacher. */
export function losses(
  g: Graph,
  output: StudentOutput,
  targets: Targets,
  config: LossConfig,
): Losses {
  const [, height, width] = targets.depth_m.shape;
  const full = [height, width] as const;
  const supervised = (depth_m: Value): { loss: Value; count: Value } =>
    silog(resizeBilinear(depth_m, full, "half_pixel"), targets.depth_m, targets.valid);
  const teacher = targets.teacher?.index ?? null;
  const distilled =
    teacher !== null && config.ckd
      ? distillBins(levelOf(config), output, teacher, config.temperature)
      : null;
  const { loss, count } = supervised(distilled?.depth_m ?? decodedDepth(output, config));
  const terms: Partial<Record<LossTerm, Value>> = { silog: loss };
  if (teacher !== null) {
    const [, h, w] = output.depth_m.shape;
    const usable = resizeNearest(targets.usable, [h, w]);
    if (distilled !== null) {
      terms.kl = distilled.kl(usable);
      if (config.cross_term === "silog") terms.cross = supervised(distilled.cross_m).loss;
    }
    if (config.relation === "cosine") {
      const probabilities = softmaxBins(softBins(teacher, { bins: output.centers.shape[3] }));
      terms.relation = cosineRelation(output.embedding, probabilities, usable, config);
    }
  }
  const weighted = Object.entries(terms).map(([term, value]) =>
    scaleBy(value, g.scalars(), g.scalar(weightName(term as LossTerm))),
  );
  return { total: weighted.reduce((a, b) => add(a, b)), terms, valid_count: count };
}

/** Level 3 is the fused form; it supports only temperature 1. */
function levelOf({ bins_form, temperature }: LossConfig): 1 | 3 {
  return bins_form === "stored" || temperature !== 1 ? 1 : 3;
}

/** Depth alone, for losses without a teacher's bins. */
function decodedDepth(output: StudentOutput, { bins_form }: LossConfig): Value {
  const { logits, centers, scale_m } = output;
  return bins_form === "fused" ? output.depth_m : binDecode(logits, centers, scale_m);
}

/** Mean squared difference of the cosine relations of ring-adjacent views (VRKD, README.md). */
function cosineRelation(
  student: Value,
  teacher: Value,
  usable: Value,
  { relation_form, relation_grid }: LossConfig,
): Value {
  const tokens = (features: Value): Value =>
    normalizeRows(maskedPool(features, usable, { grid: relation_grid }));
  const [of_student, of_teacher] = [tokens(student), tokens(teacher)];
  return relation_form === "fused"
    ? viewRelationFused(of_student, of_teacher)
    : viewRelationLoss(viewRelation(of_student), viewRelation(of_teacher));
}
