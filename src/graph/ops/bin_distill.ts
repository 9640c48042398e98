// A distilled decode (level 3, fused): depth, cross depth and divergence of each pixel, and all
// gradients in one sweep that recomputes the probabilities. d_z = d_depth p (scale c - depth) +
// d_kl (p - q), d_centers = scale (d_depth p + d_cross q); the teacher has no gradient. Where depth
// is stopped, d_z = d_kl (p - q) alone.
import {
  binDistill as binDistillKernel,
  binDistillBinomial as binDistillBinomialKernel,
  binDistillFactors,
  type BinDistillAttributes,
} from "../../kernels/depth_bins/bin_distill.ts";
import {
  binDistillGrad,
  binDistillGradBinomial,
  binDistillGradBinomialSlabs,
  type BinDistillGradBinomialAttributes,
} from "../../kernels/depth_bins/bin_distill_grad.ts";
import type { Inputs } from "../../engine/kernel.ts";
import { binGeometry } from "../../kernels/depth_bins/bin_expectation.ts";
import { binomialGeometry } from "../../kernels/depth_bins/binomial_decode.ts";
import { binomialPack } from "../../kernels/depth_bins/binomial_pack.ts";
import { sameShape, size } from "../../tensor/shape.ts";
import { apply } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Lowering, Op, Tensor, Value } from "../value.ts";
import { logChooseTable } from "./binomial_pack.ts";
import { addRows } from "./gemm.ts";

/**
 * The ops of this family, by name. The scale is a number of the camera and has no gradient, nor
 * has the teacher.
 */
export const binDistillOps: {
  readonly bin_distill: Op<BinDistillAttributes, "student" | "teacher" | "centers" | "scale">;
  readonly bin_distill_grad: Op<
    BinDistillAttributes,
    | "student"
    | "teacher"
    | "centers"
    | "scale"
    | "statistics"
    | "depth"
    | "d_depth"
    | "d_cross"
    | "d_kl"
  >;
  readonly bin_distill_binomial: Op<
    BinDistillAttributes,
    "pi" | "t" | "log_choose" | "teacher" | "centers" | "scale"
  >;
  readonly bin_distill_binomial_grad: Op<
    BinDistillGradBinomialAttributes,
    | "rows"
    | "log_choose"
    | "teacher"
    | "centers"
    | "scale"
    | "statistics"
    | "depth"
    | "d_depth"
    | "d_cross"
    | "d_kl"
  >;
} = {
  bin_distill: {
    name: "bin_distill",
    inputs: ["student", "teacher", "centers", "scale?"],
    outputs: ["depth", "cross", "kl", "statistics"],
    shapes: ({ student, teacher, centers, scale }, attributes) => {
      const made = binDistillKernel.shapes({ student, teacher, centers, scale }, attributes);
      return [made.depth, made.cross, made.kl, made.statistics];
    },
    lower: ({ inputs, outputs, attributes, call }) => {
      const { student, teacher, centers, scale } = inputs;
      const [depth, cross, kl, statistics] = outputs;
      const bound = { student, teacher, centers, scale, depth, cross, kl, statistics };
      call(binDistillKernel, bound, attributes);
    },
    gradient: ({ inputs, outputs, d_outputs: [d_depth, d_cross, d_kl], attributes }) => {
      const { student, teacher, centers, scale } = inputs;
      const [depth, , , statistics] = outputs;
      const [d_student, d_centers] = apply(
        binDistillOps.bin_distill_grad,
        { student, teacher, centers, scale, statistics, depth, d_depth, d_cross, d_kl },
        attributes,
      );
      return [d_student, null, d_centers, null];
    },
  },
  bin_distill_grad: {
    name: "bin_distill_grad",
    inputs: [
      "student",
      "teacher",
      "centers",
      "scale?",
      "statistics",
      "depth",
      "d_depth?",
      "d_cross?",
      "d_kl?",
    ],
    outputs: ["d_student", "d_centers"],
    shapes: ({ student, centers, scale }) => {
      binGeometry(student, centers, scale);
      return [student, centers];
    },
    lower: (at) => {
      const { student, teacher, centers } = at.inputs;
      const [d_student, d_centers] = at.outputs;
      if (size(centers.shape) === 0) return; // no view: both gradients are empty
      const factors = lowerFactors(at, at.inputs);
      const own = sameShape(student.shape, centers.shape);
      const attributes = { ...at.attributes, groups: own ? 0 : centers.shape[0] };
      const given = { student, teacher, centers, factors };
      if (own) {
        at.call(binDistillGrad, { ...given, d_student, d_centers }, attributes);
        return;
      }
      const shapes = {
        student: student.shape,
        teacher: teacher.shape,
        centers: centers.shape,
        factors: factors.shape,
      };
      const partials = at.temporary(
        "partials",
        binDistillGrad.shapes(shapes, attributes).d_centers,
      );
      at.call(binDistillGrad, { ...given, d_student, d_centers: partials }, attributes);
      addRows(at, partials, d_centers);
    },
    gradient: null,
  },
  bin_distill_binomial: {
    name: "bin_distill_binomial",
    inputs: ["pi", "t", "log_choose", "teacher", "centers", "scale?"],
    outputs: ["depth", "cross", "kl", "statistics", "rows"],
    shapes: ({ pi, t, log_choose, teacher, centers, scale }, attributes) => {
      const { rows } = binomialPack.shapes({ pi, t, log_choose, scale }, undefined);
      const made = binDistillBinomialKernel.shapes(
        { rows, log_choose, teacher, centers },
        attributes,
      );
      return [made.depth, made.cross, made.kl, made.statistics, rows];
    },
    lower: ({ inputs, outputs, attributes, call }) => {
      const { pi, t, log_choose, teacher, centers, scale } = inputs;
      const [depth, cross, kl, statistics, rows] = outputs;
      call(binomialPack, { pi, t, log_choose, scale, rows }, undefined);
      const bound = { rows, log_choose, teacher, centers, depth, cross, kl, statistics };
      call(binDistillBinomialKernel, bound, attributes);
    },
    gradient: ({ inputs, outputs, d_outputs: [d_depth, d_cross, d_kl], attributes, wants }) => {
      const { log_choose, teacher, centers, scale } = inputs;
      const [depth, , , statistics, rows] = outputs;
      const pixel = { statistics, depth, d_depth, d_cross, d_kl };
      const [d_pi, d_t, d_centers] = apply(
        binDistillOps.bin_distill_binomial_grad,
        { rows, log_choose, teacher, centers, scale, ...pixel },
        { ...attributes, by_centers: wants.centers },
      );
      return [d_pi, d_t, null, null, wants.centers ? d_centers : null, null];
    },
  },
  bin_distill_binomial_grad: {
    name: "bin_distill_binomial_grad",
    inputs: [
      "rows",
      "log_choose",
      "teacher?",
      "centers",
      "scale?",
      "statistics",
      "depth",
      "d_depth?",
      "d_cross?",
      "d_kl?",
    ],
    outputs: ["d_pi", "d_t", "d_centers"],
    shapes: ({ rows, log_choose, centers }, { by_centers }) => {
      binomialGeometry(rows, log_choose, centers);
      const one = [...rows.slice(0, -1), 1];
      return [one, one, by_centers ? centers : [0]];
    },
    lower: (at) => {
      const { rows, log_choose, teacher, centers } = at.inputs;
      const [d_pi, d_t, d_centers] = at.outputs;
      const { by_centers, ...distill } = at.attributes;
      const factors = lowerFactors(at, at.inputs);
      const bins = [...rows.shape.slice(0, -1), log_choose.shape[0]];
      const own = by_centers && sameShape(bins, centers.shape);
      const sweep = own ? d_centers : at.temporary("none", [...rows.shape.slice(0, -1), 0]);
      at.call(
        binDistillGradBinomial,
        { rows, log_choose, teacher, centers, factors, d_pi, d_t, d_centers: sweep },
        { ...distill, by_centers: own },
      );
      if (own || !by_centers) return;
      const shapes = {
        rows: rows.shape,
        log_choose: log_choose.shape,
        teacher: teacher.shape,
        factors: factors.shape,
      };
      const attributes = { ...distill, groups: centers.shape[0] };
      const { partials: shape } = binDistillGradBinomialSlabs.shapes(shapes, attributes);
      const partials = at.temporary("partials", shape);
      const given = { rows, log_choose, teacher, factors, partials };
      at.call(binDistillGradBinomialSlabs, given, attributes);
      addRows(at, partials, d_centers);
    },
    gradient: null,
  },
};

/**
 * Adds the call that packs the gradients' inputs for each pixel: scale, statistics, depth, d_depth,
 * d_cross, d_kl -> factors [V, H, W, 8].
 */
export function lowerFactors(
  at: Pick<Lowering<unknown>, "temporary" | "call">,
  inputs: Readonly<Record<Inputs<typeof binDistillFactors.shader>, Tensor>>,
): Tensor {
  const { statistics, scale, depth, d_depth, d_cross, d_kl } = inputs;
  const { factors: shape } = binDistillFactors.shapes(
    {
      statistics: statistics.shape,
      scale: scale.shape,
      depth: depth.shape,
      d_depth: d_depth.shape,
      d_cross: d_cross.shape,
      d_kl: d_kl.shape,
    },
    undefined,
  );
  const factors = at.temporary("factors", shape);
  const given = { statistics, scale, depth, d_depth, d_cross, d_kl };
  at.call(binDistillFactors, { ...given, factors }, undefined);
  return factors;
}

/** Inputs of a decode whose centres may be in units of a camera's scale, [V]. */
export interface MaybeScaled {
  readonly scale?: Value | null;
}

/** The results of a distilled decode at each pixel, [V, H, W, 1] each. */
export interface Distilled {
  /** scale sum_k p_k c_k, with p of the student. */
  readonly depth: Value;
  /** scale sum_k q_k c_k, with q of the teacher: no gradient with respect to the student's p. */
  readonly cross: Value;
  /** sum_k q_k (ln q_k - ln p_k). */
  readonly kl: Value;
}

const KINDS = { teacher: ["relative", "logits", "binomial", "none"] } as const;

/**
 * Depth, cross depth and divergence of every pixel, with no probability stored. student [V, H, W,
 * K] logits, teacher relative depth [V, H, W, 1] in [0, 1], binned softly, logits [V, H, W, K], or
 * [V, H, W, 5] of `packBinomial`, centers [V, H, W, K] | [V, 1, 1, K] | [1, 1, 1, K], scale [V] or none.
 */
export function binDistill(
  inputs: Readonly<Record<"student" | "teacher" | "centers", Value>> & MaybeScaled,
  attributes: BinDistillAttributes,
): Distilled {
  checkOptions("binDistill", attributes, KINDS, { stopped: "flag" });
  const { student, teacher, centers, scale = null } = inputs;
  const [depth, cross, kl] = apply(
    binDistillOps.bin_distill,
    { student, teacher, centers, scale },
    attributes,
  );
  return { depth, cross, kl };
}

/**
 * The same for a student whose logits are those of `logBinomial`; none of them is stored. pi, t [V,
 * H, W, 1]; the rest as in `binDistill`.
 */
export function binDistillBinomial(
  inputs: Readonly<Record<"pi" | "t" | "teacher" | "centers", Value>> & MaybeScaled,
  attributes: BinDistillAttributes,
): Distilled {
  checkOptions("binDistillBinomial", attributes, KINDS, { stopped: "flag" });
  const { pi, t, teacher, centers, scale = null } = inputs;
  const [depth, cross, kl] = apply(
    binDistillOps.bin_distill_binomial,
    { pi, t, log_choose: logChooseOf(centers), teacher, centers, scale },
    attributes,
  );
  return { depth, cross, kl };
}

/** The table of ln C(K - 1, k) as a constant in the graph of centers [.., K]. */
export function logChooseOf(centers: Value): Value {
  return logChooseTable(centers.graph, centers.shape.at(-1)!);
}
