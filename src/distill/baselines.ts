// Other ways to distil, to compare CKD and VRKD with (README.md has the definitions): each is one
// more term of the loss, the baseline term.
import type { Graph } from "../graph/graph.ts";
import { scaledNormal } from "../graph/initializers.ts";
import { reshape } from "../graph/apply.ts";
import { multiply, scaleShift, subtract } from "../graph/ops/arithmetic.ts";
import { binKl } from "../graph/ops/bin_kl.ts";
import { linear, matmul } from "../graph/ops/gemm.ts";
import { maskedMean } from "../graph/ops/masked_mean.ts";
import { reduce } from "../graph/ops/reduce.ts";
import { silog } from "../graph/ops/silog.ts";
import { softmaxBins } from "../graph/ops/softmax_bins.ts";
import { unary } from "../graph/ops/unary.ts";
import { maskedPool, normalizeRows } from "../graph/ops/view_relation.ts";
import type { Value } from "../graph/value.ts";
import type { StudentOutput } from "../student/student.ts";
import { InputError } from "../tensor/error.ts";
import type { TeacherBins } from "./bin_levels.ts";
import type { TeacherValues } from "./teacher_values.ts";

/** The choices of `loss.baseline`. */
export const BASELINES = [
  "none",
  "output_silog",
  "output_l1",
  "hinton",
  "fitnets",
  "attention_transfer",
  "similarity",
] as const;
/** One of them. */
export type Baseline = (typeof BASELINES)[number];

/** The inputs of a baseline. */
export interface BaselineInputs {
  readonly output: Pick<StudentOutput, "logits" | "embedding">;
  /** `[V,h,w,1]` metres of the student. */
  readonly depth_m: Value;
  readonly teacher: TeacherValues;
  readonly bins: Pick<TeacherBins, "logits">;
  /** `[V,h,w,1]` 1 where the teacher counts. */
  readonly usable: Value;
  /** Temperature of `hinton`. */
  readonly temperature: number;
  /** Tokens of a view along height and width, for attention transfer and similarity. */
  readonly grid: readonly [number, number];
}

/** The name of the one parameter that a baseline adds: the projection of `fitnets`. */
export const PROJECTION = "baseline/projection";

/**
 * The baseline term -> `[1]`. Throws InputError for an output baseline where the teacher gives no
 * depth in metres.
 */
export function baselineLoss(
  g: Graph,
  baseline: Exclude<Baseline, "none">,
  inputs: BaselineInputs,
): Value {
  switch (baseline) {
    case "output_silog": {
      const { target, mask } = metricTarget(baseline, inputs);
      return silog(inputs.depth_m, target, mask).loss;
    }
    case "output_l1": {
      const { target, mask } = metricTarget(baseline, inputs);
      return maskedMean(unary(subtract(inputs.depth_m, target), "abs"), mask).mean;
    }
    case "hinton": {
      const { output, usable, temperature } = inputs;
      return binKl(output.logits, inputs.bins.logits, usable, { temperature });
    }
    case "fitnets":
      return hint(g, inputs);
    case "attention_transfer":
      return attentionTransfer(inputs);
    case "similarity":
      return similarity(inputs);
  }
}

/** The teacher's metres, and a mask that is above 0 where they count. */
function metricTarget(
  baseline: Baseline,
  { teacher: { depth_m }, usable }: BaselineInputs,
): { readonly target: Value; readonly mask: Value } {
  if (depth_m === null) {
    throw new InputError(
      `loss.baseline ${baseline}: the teacher gives no depth in metres; choose a teacher.kind that ` +
        `does, or another baseline`,
    );
  }
  return { target: depth_m, mask: multiply(usable, depth_m) };
}

/** Romero et al. 2015, equation 3, as a mean: the projected embedding against the feature. */
function hint(g: Graph, inputs: BaselineInputs): Value {
  const { embedding } = inputs.output;
  const feature = featureOf(inputs);
  const shape = [feature.shape[3], embedding.shape[3]];
  const projection = g.parameter(PROJECTION, shape, scaledNormal(1));
  const difference = subtract(linear(embedding, projection), feature);
  const squares = reduce(unary(difference, "square"), "mean", { axes: [3], keep: true });
  return maskedMean(squares, inputs.usable).mean;
}

/** Zagoruyko and Komodakis 2017, equation 2 with squares: one normalised map of energy per view. */
function attentionTransfer(inputs: BaselineInputs): Value {
  const { usable, grid, output } = inputs;
  const attention = (feature: Value): Value => {
    const energy = reduce(unary(feature, "square"), "mean", { axes: [3], keep: true });
    return normalizeRows(rowPerView(maskedPool(energy, usable, { grid })));
  };
  const [student, teacher] = [attention(output.embedding), attention(featureOf(inputs))];
  const squares = reduce(unary(subtract(student, teacher), "square"), "sum");
  return reshape(scaleShift(squares, 1 / usable.shape[0], 0), [1]);
}

/** Tung and Mori 2019, equation 4: the views of a moment are the batch. */
function similarity(inputs: BaselineInputs): Value {
  const { usable, grid, output } = inputs;
  const similarities = (feature: Value): Value => {
    const views = rowPerView(maskedPool(feature, usable, { grid }));
    return normalizeRows(matmul(views, views, { transposeB: true }));
  };
  const [student, teacher] = [similarities(output.embedding), similarities(featureOf(inputs))];
  return reshape(reduce(unary(subtract(student, teacher), "square"), "mean"), [1]);
}

/** The teacher's own feature, or its probabilities: [V,h,w,C]. */
function featureOf(inputs: BaselineInputs): Value {
  return inputs.teacher.embedding ?? softmaxBins(inputs.bins.logits);
}

/** tokens [V, L, C] -> [V, L C]. */
function rowPerView(tokens: Value): Value {
  const [views, count, channels] = tokens.shape;
  return reshape(tokens, [views, count * channels]);
}
