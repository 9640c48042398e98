// The training loss: supervised SILog, cross-interaction distillation (CKD: KL of probabilities and
// the cross term), view-relational distillation (VRKD) and the baselines to compare with, each
// weighted by a step scalar so that weights can ramp up. src/distill/README.md has the definitions.
import type { Graph } from "../graph/graph.ts";
import { add, multiply, scaleBy } from "../graph/ops/arithmetic.ts";
import { binDecode } from "../graph/ops/bin_decode.ts";
import { maxPool } from "../graph/ops/pool.ts";
import { resizeBilinear, resizeNearest } from "../graph/ops/resize.ts";
import type { Value } from "../graph/value.ts";
import type { StudentOutput } from "../student/student.ts";
import { baselineLoss, type Baseline } from "./baselines.ts";
import { decodeBins, distillBins, teacherBins, type DistilledBins } from "./bin_levels.ts";
import { relationLoss, type RelationConfig } from "./relations.ts";
import { supervisedLoss, type SupervisedConfig } from "./supervised.ts";
import { InputError } from "../tensor/error.ts";
import { checkNames } from "../tensor/options.ts";
import type { TeacherValues } from "./teacher_values.ts";

/** Which terms there are and their settings; the weights are step scalars `weight_{term}`. */
export interface LossConfig extends RelationConfig, SupervisedConfig {
  /** Cross-interaction distillation: the KL of probabilities. */
  readonly ckd: boolean;
  /**
   * Its second half. `silog`: the supervised loss of the teacher's probabilities with the student's
   * centres. `stopped`: no such depth, but the supervised loss reaches centres alone. `symmetric`:
   * as `silog`, and the student's probabilities with the teacher's centres too.
   */
  readonly cross_term: "silog" | "stopped" | "symmetric" | "none";
  /** The pixels of the KL: all usable ones, or those with LiDAR. */
  readonly kl_domain: "usable" | "lidar";
  /**
   * Whether bins are decoded and distilled in one sweep that stores none, or from stored logits:
   * equal up to rounding. A temperature other than 1 requires the stored form.
   */
  readonly bins_form: "fused" | "stored";
  /** tau of the KL. */
  readonly temperature: number;
  /** Another way to distil, as one more term; none if it is left out. */
  readonly baseline?: Baseline;
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
  /** `[pairs,L,L]` weights of the relation `overlap`; absent for any other. */
  readonly overlap_weights?: Value | null;
}

/** The names of the terms, in the order of reports. */
export const LOSS_TERMS = ["silog", "kl", "cross", "relation", "baseline"] as const;
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

/** Whether a teacher, where there is one, teaches anything: it then needs no LiDAR. */
export function hasTeacherTerms({ ckd, relation, baseline = "none" }: LossConfig): boolean {
  return ckd || relation !== "none" || baseline !== "none";
}

const CONFIG: Readonly<Record<keyof LossConfig, true>> = {
  ckd: true,
  cross_term: true,
  kl_domain: true,
  bins_form: true,
  temperature: true,
  baseline: true,
  relation: true,
  relation_form: true,
  relation_grid: true,
  relation_temperature: true,
  supervised: true,
  silog_lambda: true,
};
/** Further keys of the `loss` of a run's configuration, which are for its steps. */
const OF_STEPS = ["weights", "ramp", "balance", "balance_step", "balance_target"];
const TARGETS: Readonly<Record<keyof Targets, true>> = {
  depth_m: true,
  valid: true,
  usable: true,
  teacher: true,
  overlap_weights: true,
};

/**
 * Builds the loss of a student; teacher terms only if there is a teacher. Throws InputError for an
 * unknown key of `targets` or `config`.
 */
export function losses(
  g: Graph,
  output: StudentOutput,
  targets: Targets,
  config: LossConfig,
): Losses {
  checkNames("losses: targets", targets, Object.keys(TARGETS));
  checkNames("losses: config", config, [...Object.keys(CONFIG), ...OF_STEPS]);
  const [, height, width] = targets.depth_m.shape;
  const full = [height, width] as const;
  const supervised = (depth_m: Value, valid: Value): ReturnType<typeof supervisedLoss> =>
    supervisedLoss(config, resizeBilinear(depth_m, full, "half_pixel"), targets.depth_m, valid);
  const teacher = targets.teacher && teacherBins(targets.teacher, output.centers.shape[3]);
  const mask = targets.teacher?.mask ?? null;
  const distilled =
    teacher !== null && config.ckd
      ? distillBins(levelOf(config), output, teacher, {
          temperature: config.temperature,
          stopped: config.cross_term === "stopped",
        })
      : null;
  const depth_m = distilled?.depth_m ?? decodedDepth(output, config);
  const { loss, count } = supervised(depth_m, targets.valid);
  const terms: Partial<Record<LossTerm, Value>> = { silog: loss };
  if (targets.teacher !== null && teacher !== null) {
    const [, h, w] = output.depth_m.shape;
    const seen = resizeNearest(targets.usable, [h, w]);
    const usable = mask === null ? seen : multiply(seen, mask);
    if (distilled !== null) {
      const masked = (pixels: Value, size: readonly [number, number]): Value =>
        mask === null ? pixels : multiply(pixels, resizeNearest(mask, size));
      const { valid } = targets;
      const isLidar = config.kl_domain === "lidar";
      terms.kl = distilled.kl(isLidar ? masked(measured(valid, [h, w]), [h, w]) : usable);
      const crossed = crossDepths(output, distilled, targets.teacher, config).map(
        (depth) => supervised(depth, masked(valid, full)).loss,
      );
      if (crossed.length > 0) terms.cross = crossed.reduce((a, b) => add(a, b));
    }
    const overlap_weights = targets.overlap_weights ?? null;
    const of = {
      student: output,
      teacher: targets.teacher,
      bins: teacher,
      usable,
      overlap_weights,
    };
    const relation = relationLoss(of, config);
    if (relation !== null) terms.relation = relation;
    const { baseline = "none", temperature, relation_grid: grid } = config;
    if (baseline !== "none") {
      const bins = teacher;
      const given = { output, depth_m, teacher: targets.teacher, bins, usable, temperature, grid };
      terms.baseline = baselineLoss(g, baseline, given);
    }
  }
  const weighted = Object.entries(terms).map(([term, value]) =>
    scaleBy(value, g.scalars(), g.scalar(weightName(term as LossTerm))),
  );
  return { total: weighted.reduce((a, b) => add(a, b)), terms, valid_count: count };
}

/** The depths of the cross term: teacher's probabilities and student's centres, or also vice versa. */
function crossDepths(
  output: StudentOutput,
  { cross_m }: DistilledBins,
  teacher: TeacherValues | null,
  { cross_term, bins_form }: LossConfig,
): readonly Value[] {
  if (cross_term === "silog") return [cross_m];
  if (cross_term !== "symmetric") return [];
  const centers = teacher?.centers ?? null;
  if (centers === null) {
    throw new InputError(
      "loss.cross_term: symmetric needs the bin centres of the teacher, and this one gives none; " +
        "choose a teacher.kind that gives them (fitted), or another cross_term",
    );
  }
  const { logits, scale_m } = output;
  const binomial = bins_form === "fused" ? output.binomial : null;
  return [cross_m, decodeBins(1, { logits, binomial, centers, scale_m })];
}

/** 1 where any pixel of a block has LiDAR. valid [V,H,W,1] -> [V,h,w,1], blocks of H/h x W/w. */
function measured(valid: Value, [h, w]: readonly [number, number]): Value {
  const block = [valid.shape[1] / h, valid.shape[2] / w] as const;
  if (!block.every(Number.isInteger)) {
    throw new InputError(
      `loss.kl_domain: lidar needs images whose size is a multiple of the output's, ${h}x${w}`,
    );
  }
  return maxPool(valid, { window: block, stride: block });
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
