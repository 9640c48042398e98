// Bin decoding at the levels of fusing (README.md), each as a graph: 0 stores logits, probabilities
// and everything after them; 1 decodes logits or (pi, t) in one read; 2 includes the 1x1
// convolution in the decode; 3 computes depth, cross depth and divergence in one sweep, and all
// gradients in another.
import { stopGradient } from "../graph/apply.ts";
import { binDecode } from "../graph/ops/bin_decode.ts";
import { binDistill, binDistillBinomial } from "../graph/ops/bin_distill.ts";
import { binExpectation } from "../graph/ops/bin_expectation.ts";
import { binHead } from "../graph/ops/bin_head.ts";
import { binKl } from "../graph/ops/bin_kl.ts";
import { binomialDecode } from "../graph/ops/binomial_decode.ts";
import { packBinomial } from "../graph/ops/binomial_pack.ts";
import { conv2d } from "../graph/ops/conv2d.ts";
import { logBinomial } from "../graph/ops/log_binomial.ts";
import { maskedMean } from "../graph/ops/masked_mean.ts";
import { softBins } from "../graph/ops/soft_bins.ts";
import { softmaxBins } from "../graph/ops/softmax_bins.ts";
import type { Value } from "../graph/value.ts";
import { InputError } from "../tensor/error.ts";
import type { StudentOutput } from "../student/student.ts";
import type { TeacherValues } from "./teacher_values.ts";

/** The student's inputs to a decode. */
export type StudentBins = Pick<StudentOutput, "logits" | "binomial" | "centers" | "scale_m">;

/** The losses' inputs from the student's and the teacher's bins. */
export interface DistilledBins {
  /** Depth of the student, `[V,H,W,1]` metres. */
  readonly depth_m: Value;
  /** Depth from the teacher's probabilities at the student's centres. */
  readonly cross_m: Value;
  /** Mean divergence over the pixels of a mask `[V,H,W,1]` -> `[1]`. */
  readonly kl: (usable: Value) => Value;
}

/** Depth of every pixel, `[V,H,W,1]` metres. */
export function decodeBins(
  level: 0 | 1,
  { logits, binomial, centers, scale_m }: StudentBins,
): Value {
  if (level === 0) return unfusedDepth(logits, centers, scale_m);
  return binomial === null
    ? binDecode(logits, centers, scale_m)
    : binomialDecode({ ...binomial, centers, scale: scale_m });
}

/**
 * Depth of every pixel from features. features [V,H,W,C], weight [K,1,1,C], bias [K], centers
 * [V,1,1,K], scale_m [V] -> [V,H,W,1] metres.
 */
export function decodeFeatures(
  level: 0 | 1 | 2,
  features: Value,
  weight: Value,
  bias: Value,
  { centers, scale_m }: Pick<StudentBins, "centers" | "scale_m">,
): Value {
  if (level === 2) return binHead({ features, weight, bias, centers, scale: scale_m });
  const logits = conv2d(features, weight, bias, {});
  return decodeBins(level, { logits, binomial: null, centers, scale_m });
}

/** The teacher's bins. Only a path that takes the logits stores them. */
export interface TeacherBins {
  /** Of `value`: a relative depth `[V,H,W,1]`, binned softly, or a packed binomial `[V,H,W,5]`. */
  readonly kind: "relative" | "binomial";
  readonly value: Value;
  /** The same as logits, `[V,H,W,K]`. */
  readonly logits: Value;
}

/**
 * The bins of a teacher: those of its trained module where it has one, else its index binned softly.
 * Throws InputError for a teacher that has neither.
 */
export function teacherBins(
  { binomial, index }: Pick<TeacherValues, "binomial" | "index">,
  bins: number,
): TeacherBins {
  if (binomial !== null) {
    const { pi, t } = binomial;
    const value = packBinomial(pi, t, { bins });
    return { kind: "binomial", value, logits: logBinomial(pi, t, { bins }) };
  }
  if (index !== null) return { kind: "relative", value: index, logits: softBins(index, { bins }) };
  throw new InputError("the teacher has no bins: it must give an index, or pi and t");
}

/** Choices of a distilled decode. */
export interface DistillOptions {
  /** tau of the divergence. */
  readonly temperature: number;
  /** Whether depth_m gives no gradient to the student's logits: to centres alone. */
  readonly stopped: boolean;
}

/**
 * Depth, cross depth and divergence against a teacher. The divergence needs logits, so level 1
 * stores those of (pi, t) too; level 3 supports only temperature 1.
 */
export function distillBins(
  level: 0 | 1 | 3,
  bins: StudentBins,
  teacher: TeacherBins,
  { temperature, stopped }: DistillOptions = { temperature: 1, stopped: false },
): DistilledBins {
  const { logits, binomial, centers, scale_m } = bins;
  if (level === 3) {
    const kind = { teacher: teacher.kind, ...(stopped && { stopped }) };
    const given = { teacher: teacher.value, centers, scale: scale_m };
    const { depth, cross, kl } =
      binomial === null
        ? binDistill({ student: logits, ...given }, kind)
        : binDistillBinomial({ ...binomial, ...given }, kind);
    return { depth_m: depth, cross_m: cross, kl: (usable) => maskedMean(kl, usable).mean };
  }
  const decode = level === 0 ? unfusedDepth : binDecode;
  return {
    depth_m: decode(stopped ? stopGradient(logits) : logits, centers, scale_m),
    cross_m: decode(teacher.logits, centers, scale_m),
    kl: (usable) => binKl(logits, teacher.logits, usable, { temperature }),
  };
}

function unfusedDepth(logits: Value, centers: Value, scale_m: Value): Value {
  return binExpectation(softmaxBins(logits), centers, scale_m);
}
