// Operators of the source `own` that are not one op of the graph: norms by their common names, the
// heads, the losses and the optimiser's step, all built by the engine's own functions.
import { binHead, type BinHeadConfig } from "../../../src/bins/metric_bins.ts";
import { RELATIONS, type RelationConfig } from "../../../src/distill/relations.ts";
import type { TeacherValues } from "../../../src/distill/teacher_values.ts";
import { losses, type LossConfig } from "../../../src/distill/losses.ts";
import {
  CENTER_SPACINGS,
  seedCenters,
  seedCentersBias,
  type CenterSeed,
  type CenterSpacing,
} from "../../../src/graph/ops/bin_centers.ts";
import { add } from "../../../src/graph/ops/arithmetic.ts";
import { binDecode } from "../../../src/graph/ops/bin_decode.ts";
import { logBinomial, logBinomialHead } from "../../../src/graph/ops/log_binomial.ts";
import { batchNorm, groupNorm, layerNorm } from "../../../src/graph/ops/norm.ts";
import { globalAveragePool } from "../../../src/graph/ops/pool.ts";
import type { Value } from "../../../src/graph/value.ts";
import { InputError } from "../../../src/tensor/error.ts";
import type { Result } from "../offer.ts";
import type { Workbench } from "../workbench.ts";
import { ADAMW_UPDATE } from "./adamw_update.ts";
import { flag, list, number, pair, REQUIRED, whole, word } from "./attributes.ts";
import { BASELINE_COMPOSITES } from "./baselines.ts";
import type { Composite } from "./own_op.ts";
import { withInputsAsParameters } from "./parameters.ts";

const EPSILON = number(1e-5, "added to the variance");

interface HeadAttributes extends Omit<BinHeadConfig, "kind" | "spacing"> {
  readonly kind?: never;
}
const HEAD = {
  bins: whole(64, "K, number of bins"),
  embedding: whole(REQUIRED, "E, width of the bin embedding"),
  hidden: whole(REQUIRED, "width of the hidden layers"),
  attractors: list(
    REQUIRED,
    "attractors of each level, coarse to fine: as many numbers as decoded features",
  ),
  seed: word(
    ["cumulative", "softplus"],
    "cumulative",
    "centres as cumulative widths, or each on its own",
  ),
  depth_max_m: number(80, "metres of a centre of 1"),
} as const;

const METRIC_BINS_NOTES = `\
1x1 convolutions, each with inputs \`NAME.weight\` [O, 1, 1, I] and \`NAME.bias\` [O]; written
NAME: I -> O. CN is the width of the last decoded feature, relu stands between \`.0\` and \`.1\`
of a pair.

- head.bottleneck: C0 -> C0, gives x
- head.seed.0: C0 -> hidden, head.seed.1: hidden -> K, on x; then seed_centers gives the centres
- head.seed_projector.0: C0 -> hidden, head.seed_projector.1: hidden -> E, on x; gives e
- for level i = 1 .. N: head.leveli.projector.0: Ci -> hidden, head.leveli.projector.1: hidden ->
  E, on decodedi, gives p; head.leveli.attractor.0: E -> hidden, head.leveli.attractor.1: hidden
  -> attractors[i - 1], on p + e resized bilinearly (align) to the size of decodedi, then
  softplus; centres = attractor (inverse, alpha 1000, gamma 2, mean) of the centres resized
  likewise; e = p
- head.binomial.0: CN + E -> floor((CN + E) / 2), on [decodedN, e] joined, then gelu;
  head.binomial.1: -> 4, then softplus, log_binomial_head (0.0212 to 50) and log_binomial give the
  logits; embedding is the last e`;
const SOFTMAX_BINS_NOTES = `\
As metric_bins_head, with these convolutions:

- head.bottleneck: C0 -> C0, then the mean over all pixels; head.seed.0 and head.seed.1 on it as
  above
- head.projector.0: CN -> hidden, head.projector.1: hidden -> E, on decodedN; gives embedding
- head.logits: E -> K, on relu(embedding)`;
const HEAD_SHAPES =
  "bottleneck [V, h0, w0, C0], decoded1 .. decodedN [V, hi, wi, Ci] coarse to fine, weights " +
  "and biases as listed below" +
  " -> logits [V, h, w, K], centers [V, h, w, K] or [V, 1, 1, K] in units of depth_max_m, " +
  "embedding [V, h, w, E]";

function head(
  kind: BinHeadConfig["kind"],
): (bench: Workbench, attributes: HeadAttributes) => Record<string, Value> {
  return (bench, attributes) => {
    const decoded = attributes.attractors.map((_, level) => bench.input(`decoded${level + 1}`));
    // Weights are given, so that no centre starts anywhere.
    const config = { ...attributes, kind, spacing: "log" } as const;
    const made = binHead(withInputsAsParameters(bench), config, bench.input("bottleneck"), decoded);
    return { logits: made.logits, centers: made.centers, embedding: made.embedding };
  };
}

/** Sets the step scalars that weigh the terms. */
function weigh(bench: Workbench, weights: Readonly<Record<string, number>>): void {
  Object.assign(bench.stepScalars, weights);
}

interface LossAttributes extends Omit<LossConfig, "baseline"> {
  readonly weight_silog: number;
  readonly weight_kl: number;
  readonly weight_cross: number;
  readonly weight_relation: number;
}

/**
 * The losses of the engine on the inputs that a case has; inputs that its terms do not use are
 * zeros.
 */
function lossTerms(bench: Workbench, attributes: LossAttributes): Record<string, Value> {
  const { weight_silog, weight_kl, weight_cross, weight_relation, ...config } = attributes;
  weigh(bench, { weight_silog, weight_kl, weight_cross, weight_relation });
  const usable = bench.input("usable");
  const teacher = teacherOf(bench);
  const [views, height, width] = usable.shape as [number, number, number, number];
  const [, h, w] = (teacher.binomial?.pi ?? teacher.index!).shape;
  const zeros = (shape: readonly number[]): Value => bench.filled(shape, 0);
  const embedding = bench.optional("embedding") ?? zeros([views, h, w, 1]);
  const given = bench.optional("centers");
  const binomial = binomialOf(bench, "");
  const logits =
    binomial === null
      ? (bench.optional("logits") ?? zeros([views, h, w, 1]))
      : logBinomial(binomial.pi, binomial.t, { bins: (given ?? bench.input("centers")).shape[3] });
  const centers = given ?? zeros([1, 1, 1, logits.shape[3]]);
  const scale_m = bench.optional("scale_m") ?? bench.filled([views], 1);
  const depth_m = binDecode(logits, centers, scale_m);
  const made = losses(
    bench.graph,
    { logits, binomial, centers, embedding, scale_m, depth_m },
    {
      depth_m: bench.optional("depth_m") ?? zeros([views, height, width, 1]),
      valid: bench.optional("valid") ?? zeros([views, height, width, 1]),
      usable,
      teacher,
      overlap_weights: bench.optional("overlap_weights"),
    },
    config,
  );
  return { total: made.total, ...made.terms, valid_count: made.valid_count };
}

/** The (pi, t) of the student or, with its prefix, of the teacher; null where there are none. */
function binomialOf(bench: Workbench, prefix: "" | "teacher_"): TeacherValues["binomial"] {
  const pi = bench.optional(`${prefix}pi`);
  return pi === null ? null : { pi, t: bench.input(`${prefix}t`) };
}

/** The parts of a teacher that a case has; its index, or pi, counts as depth where asked. */
function teacherOf(bench: Workbench): TeacherValues {
  const binomial = binomialOf(bench, "teacher_");
  const index = binomial === null ? bench.input("teacher") : bench.optional("teacher");
  return {
    index,
    binomial,
    centers: bench.optional("teacher_centers"),
    embedding: bench.optional("teacher_embedding"),
    depth_m: index ?? binomial!.pi,
    mask: bench.optional("teacher_mask"),
  };
}

const TEMPERATURE = number(1, "tau of the KL");
const RELATION = word(
  RELATIONS,
  "cosine",
  "which relation, as src/distill/README.md defines them; aligned computes what cosine does",
);
const RELATION_TEMPERATURE = number(0.1, "tau_r of the relation softmax");
const RELATION_INPUTS =
  "teacher_embedding [V, h, w, F] for features, overlap_weights [pairs, L, L] for overlap";
const RELATION_GRID = pair([6, 10], "tokens of a view along height and width");
const RELATION_FORM = word(
  ["fused", "stored"],
  "fused",
  "relations tile by tile, or stored: the same numbers to rounding",
);
const BINS_FORM = word(
  ["fused", "stored"],
  "fused",
  "whether bins are distilled in one sweep or from stored logits: the same numbers to rounding",
);
const TERMS = {
  temperature: TEMPERATURE,
  relation_grid: RELATION_GRID,
  relation_temperature: RELATION_TEMPERATURE,
  weight_silog: number(1, "weight of silog in total"),
  weight_kl: number(1, "weight of kl in total"),
  weight_cross: number(1, "weight of cross in total"),
  weight_relation: number(1, "weight of relation in total"),
};
const CKD = {
  supervised: word(
    ["silog", "l1", "berhu"],
    "silog",
    "the supervised loss: silog, 0.1 times the mean absolute error, or 0.1 times the mean of " +
      "depth_error with depth_error_threshold; of cross too",
  ),
  silog_lambda: number(0.85, "lambda of silog"),
  cross_term: word(
    ["silog", "stopped", "symmetric", "none"],
    "silog",
    "stopped: no cross, and the supervised loss gives logits no gradient; symmetric: cross has " +
      "the loss of the student's probabilities with teacher_centers added",
  ),
  kl_domain: word(
    ["usable", "lidar"],
    "usable",
    "lidar: kl over pixels whose block of valid [H / h, W / w] has any 1",
  ),
};

const STUDENT =
  "logits [V, h, w, K], or pi, t [V, h, w, 1] for those of log_binomial, centers [V, h, w, K] or " +
  "[V, 1, 1, K], scale_m [V]";
const TEACHER_PARTS =
  "or teacher_pi, teacher_t [V, h, w, 1] for the logits of log_binomial, teacher_mask [V, h, w, 1] 1 " +
  "where the teacher counts (usable, and valid of cross, are multiplied by it)";
const LAYOUT_OF_TARGETS =
  "depth_m [V, H, W, 1] metres, 0 = none, valid [V, H, W, 1] 1 where depth_m counts, usable " +
  "[V, H, W, 1] 1 where the " +
  "pixel shows the world, teacher [V, h, w, 1] relative depth in [0, 1], " +
  `${TEACHER_PARTS}, teacher_centers as centers`;

/** The (pi, t) of both sides and the mask, each of which a case may leave out. */
const BINOMIALS = ["pi?", "t?", "teacher_pi?", "teacher_t?", "teacher_mask?"];

/** All composites by name. */
export const COMPOSITES: Readonly<Record<string, Composite>> = {
  layer_norm: {
    says: "norm over the last axis",
    shapes: "x [.., C], gamma, beta [C] -> y [as x]",
    inputs: ["x", "gamma", "beta"],
    outputs: ["y"],
    attributes: { epsilon: EPSILON },
    build: (bench: Workbench, { epsilon }: { epsilon: number }) => ({
      y: layerNorm(bench.input(0), bench.input(1), bench.input(2), { epsilon }),
    }),
  },
  group_norm: {
    says: "norm over [H, W, C / groups] of each view; instance norm with groups = C",
    shapes: "x [V, H, W, C], gamma, beta [C] -> y [as x]",
    inputs: ["x", "gamma", "beta"],
    outputs: ["y"],
    attributes: { groups: whole(REQUIRED, "groups of channels"), epsilon: EPSILON },
    build: (bench: Workbench, options: { groups: number; epsilon: number }) => ({
      y: groupNorm(bench.input(0), bench.input(1), bench.input(2), options),
    }),
  },
  batch_norm_eval: {
    says: "batch norm by running statistics",
    shapes: "x [V, H, W, C], gamma, beta, running_mean, running_variance [C] -> y [as x]",
    inputs: ["x", "gamma", "beta", "running_mean", "running_variance"],
    outputs: ["y"],
    attributes: { epsilon: EPSILON },
    build: (bench: Workbench, { epsilon }: { epsilon: number }) => {
      const [x, gamma, beta, running_mean, running_variance] = [0, 1, 2, 3, 4].map((i) =>
        bench.input(i),
      );
      const options = { training: false, epsilon, momentum: 0 };
      return { y: batchNorm({ x, gamma, beta, running_mean, running_variance }, options) };
    },
  },
  global_average_pool: {
    says: "y = mean over all pixels",
    shapes: "x [V, H, W, C] -> y [V, 1, 1, C]",
    inputs: ["x"],
    outputs: ["y"],
    attributes: {},
    build: (bench: Workbench) => ({ y: globalAveragePool(bench.input(0)) }),
  },
  seed_centers: {
    says:
      "s = softplus(raw); cumulative: c_k = 0.1 / depth_max_m + sum_{j < k} s_j + s_k / 2; " +
      "softplus: c = s",
    shapes: "raw [.., K] -> centers [.., K] in units of depth_max_m",
    inputs: ["raw"],
    outputs: ["centers"],
    attributes: { seed: HEAD.seed, depth_max_m: HEAD.depth_max_m },
    build: (
      bench: Workbench,
      { seed, depth_max_m }: { seed: "cumulative" | "softplus"; depth_max_m: number },
    ) => ({
      centers: seedCenters(bench.input(0), seed, depth_max_m),
    }),
  },
  seed_centers_start: {
    says:
      "seed_centers of raw + b: at raw = 0 centres start even in a measure of the share s of the " +
      "way from m = 1 / depth_max_m to 1, log m^(1 - s), disparity 1 / (s + (1 - s) / m), uniform " +
      "m + s (1 - m); cumulative: right edges at s = 1/K .. 1, the first bin from 0.1 / depth_max_m " +
      "on; softplus: centres at s = (k + 1/2) / K; b is stored in float32",
    shapes: "raw [.., K] -> centers [.., K] in units of depth_max_m",
    inputs: ["raw"],
    outputs: ["centers"],
    attributes: {
      seed: HEAD.seed,
      spacing: word(CENTER_SPACINGS, "log", "the measure"),
      depth_max_m: HEAD.depth_max_m,
    },
    build: (
      bench: Workbench,
      given: { seed: CenterSeed; spacing: CenterSpacing; depth_max_m: number },
    ) => {
      const raw = bench.input(0);
      const bins = raw.shape.at(-1)!;
      const bias = bench.graph.constant("bias", [bins], seedCentersBias({ bins, ...given }));
      return { centers: seedCenters(add(raw, bias), given.seed, given.depth_max_m) };
    },
  },
  log_binomial_logits: {
    says: "log_binomial of log_binomial_head",
    shapes: "pairs [V, H, W, 4], positive -> logits [V, H, W, K]",
    inputs: ["pairs"],
    outputs: ["logits"],
    attributes: {
      bins: whole(REQUIRED, "K, number of bins"),
      t_min: number(0.0212, "lowest temperature"),
      t_max: number(50, "highest temperature"),
    },
    build: (
      bench: Workbench,
      { bins, ...range }: { bins: number; t_min: number; t_max: number },
    ) => {
      const { pi, t } = logBinomialHead(bench.input(0), range);
      return { logits: logBinomial(pi, t, { bins }) };
    },
  },
  metric_bins_head: {
    says: "the metric-bins head: log-binomial logits and attracted centres of each pixel",
    shapes: HEAD_SHAPES,
    inputs: ["bottleneck", "decoded1", "..."],
    outputs: ["logits", "centers", "embedding"],
    attributes: HEAD,
    notes: METRIC_BINS_NOTES,
    build: head("metric_bins"),
  },
  softmax_bins_head: {
    says: "the plain head: logits of each pixel, centres of each image",
    shapes: HEAD_SHAPES,
    inputs: ["bottleneck", "decoded1", "..."],
    outputs: ["logits", "centers", "embedding"],
    attributes: HEAD,
    notes: SOFTMAX_BINS_NOTES,
    build: head("softmax_bins"),
  },
  losses: {
    says:
      "total = weighted sum of the terms: silog of the decoded depth (resized bilinearly, " +
      "half_pixel, to H x W), kl = bin_kl to soft_bins(teacher) over usable (resized to h x w, " +
      "nearest), cross = silog of the teacher's probabilities with the student's centres, " +
      "relation = by default view_relation_loss of pooled, normalised tokens (student: embedding, " +
      "teacher: softmax of soft_bins)",
    shapes:
      `${STUDENT}, embedding [V, h, w, E], ${LAYOUT_OF_TARGETS}, ${RELATION_INPUTS} -> ` +
      "total, silog, kl, cross, relation, valid_count [1]",
    inputs: [
      "logits?",
      "centers",
      "scale_m?",
      "embedding",
      "depth_m",
      "valid",
      "usable",
      "teacher?",
      "teacher_embedding?",
      "overlap_weights?",
      "teacher_centers?",
      ...BINOMIALS,
    ],
    outputs: ["total", "silog", "kl", "cross", "relation", "valid_count"],
    attributes: {
      ckd: flag(true, "whether there are kl and cross"),
      ...CKD,
      relation: RELATION,
      relation_form: RELATION_FORM,
      bins_form: BINS_FORM,
      ...TERMS,
    },
    build: lossTerms,
  },
  ckd: {
    says: "the terms kl and cross of losses",
    shapes: `${STUDENT}, ${LAYOUT_OF_TARGETS} -> kl, cross [1]`,
    inputs: [
      "logits?",
      "centers",
      "scale_m?",
      "depth_m",
      "valid",
      "usable",
      "teacher?",
      "teacher_centers?",
      ...BINOMIALS,
    ],
    outputs: ["kl", "cross"],
    attributes: { ...CKD, bins_form: BINS_FORM, temperature: TEMPERATURE },
    build: (
      bench: Workbench,
      given: Pick<
        LossConfig,
        "supervised" | "silog_lambda" | "cross_term" | "kl_domain" | "bins_form" | "temperature"
      >,
    ) => {
      const {
        total: _,
        silog: _supervised,
        ...terms
      } = lossTerms(bench, {
        ...given,
        ckd: true,
        relation: "none",
        relation_form: "fused",
        relation_grid: [1, 1],
        relation_temperature: 1,
        weight_silog: 0,
        weight_kl: 1,
        weight_cross: 1,
        weight_relation: 0,
      });
      return terms;
    },
  },
  vrkd: {
    says: "the term relation of losses",
    shapes:
      "embedding [V, h, w, E], usable [V, H, W, 1], teacher [V, h, w, 1] relative depth in " +
      `[0, 1], logits [V, h, w, K] for probabilities, ${RELATION_INPUTS} -> relation [1]`,
    inputs: ["embedding", "usable", "teacher", "logits?", "teacher_embedding?", "overlap_weights?"],
    outputs: ["relation"],
    attributes: {
      relation: RELATION,
      relation_form: RELATION_FORM,
      relation_grid: RELATION_GRID,
      relation_temperature: RELATION_TEMPERATURE,
      bins: whole(64, "K of soft_bins(teacher)"),
    },
    build: (bench: Workbench, { bins, ...given }: RelationConfig & { readonly bins: number }) => {
      weigh(bench, { weight_silog: 0, weight_relation: 1 });
      const [views, h, w] = bench.input("teacher").shape as [number, number, number];
      const zeros = (shape: readonly number[]): Value => bench.filled(shape, 0);
      const usable = bench.input("usable");
      const none = zeros(usable.shape);
      const { terms } = losses(
        bench.graph,
        {
          logits: bench.optional("logits") ?? zeros([views, h, w, bins]),
          binomial: null,
          centers: zeros([1, 1, 1, bins]),
          scale_m: bench.filled([views], 1),
          depth_m: zeros([views, h, w, 1]),
          embedding: bench.input("embedding"),
        },
        {
          depth_m: none,
          valid: none,
          usable,
          teacher: teacherOf(bench),
          overlap_weights: bench.optional("overlap_weights"),
        },
        {
          ckd: false,
          supervised: "silog",
          silog_lambda: 0.85,
          cross_term: "none",
          kl_domain: "usable",
          bins_form: "stored",
          temperature: 1,
          ...given,
        },
      );
      if (terms.relation === undefined) throw new InputError("vrkd: relation none has no value");
      return { relation: terms.relation };
    },
  },
  ...BASELINE_COMPOSITES,
  adamw_update: ADAMW_UPDATE,
};

/** A composite's results under the names of its outputs. */
export function resultsOf(made: Readonly<Record<string, Value>>): Result[] {
  return Object.entries(made).map(([name, value]) => ({ name, value }));
}
