// Ops of the source `own` for depth bins, losses and the optimiser.
import type { adamwOps } from "../../../src/graph/ops/adamw.ts";
import type { binCentersOps } from "../../../src/graph/ops/bin_centers.ts";
import type { binDecodeOps } from "../../../src/graph/ops/bin_decode.ts";
import type { binDistillOps } from "../../../src/graph/ops/bin_distill.ts";
import type { binExpectationOps } from "../../../src/graph/ops/bin_expectation.ts";
import type { binHeadOps } from "../../../src/graph/ops/bin_head.ts";
import type { binKlOps } from "../../../src/graph/ops/bin_kl.ts";
import type { binPoolOps } from "../../../src/graph/ops/bin_pool.ts";
import type { binomialDecodeOps } from "../../../src/graph/ops/binomial_decode.ts";
import type { binomialPackOps } from "../../../src/graph/ops/binomial_pack.ts";
import type { logBinomialOps } from "../../../src/graph/ops/log_binomial.ts";
import type { depthErrorOps } from "../../../src/graph/ops/depth_error.ts";
import type { lossScaleOps } from "../../../src/graph/ops/loss_scale.ts";
import type { maskedMeanOps } from "../../../src/graph/ops/masked_mean.ts";
import type { sgdOps } from "../../../src/graph/ops/sgd.ts";
import type { silogOps } from "../../../src/graph/ops/silog.ts";
import type { softBinsOps } from "../../../src/graph/ops/soft_bins.ts";
import type { softmaxBinsOps } from "../../../src/graph/ops/softmax_bins.ts";
import type { viewRelationOps } from "../../../src/graph/ops/view_relation.ts";
import type { viewRelationFusedOps } from "../../../src/graph/ops/view_relation_fused.ts";
import type { viewRelationSoftmaxOps } from "../../../src/graph/ops/view_relation_softmax.ts";
import type { viewRelationWeightedOps } from "../../../src/graph/ops/view_relation_weighted.ts";
import { ATTRACTIONS } from "../../../src/kernels/depth_bins/attractor.ts";
import { flag, number, pair, REQUIRED, whole, word, type Attributes } from "./attributes.ts";
import { NONE, type OwnOp } from "./own_op.ts";

const TEMPERATURE: Attributes = { temperature: number(1, "tau; logits are divided by it") };
const ATTRACTOR: Attributes = {
  kind: word(
    ATTRACTIONS,
    "inverse",
    "inverse: f(x) = x / (1 + alpha x^2); exponential: f(x) = x exp(-alpha |x|^gamma)",
  ),
  alpha: number(1000, "how far attraction reaches, per squared unit of the centres"),
  gamma: number(2, "exponent of the exponential form"),
  mean: flag(true, "average the pulls of the attractors; false: add them"),
};
const BINS = whole(REQUIRED, "K, number of bins");
const HEAD_TEMPERATURE: Attributes = {
  t_min: number(0.0212, "lowest temperature"),
  t_max: number(50, "highest temperature"),
};
const SILOG: Attributes = {
  variance_focus: number(0.85, "lambda; the squared mean error weighs 1 - lambda"),
  scale: number(10, "factor before the root"),
};
const COST: Attributes = { scale: number(0.1, "factor of the cost") };
const GRID = pair(
  REQUIRED,
  "tokens along height and width; cell i covers rows floor(i H / h) to ceil((i + 1) H / h) - 1",
);
const GROUPS = whole(REQUIRED, "rows of centres: V for one an image, 1 for one a rig");
const STOPPED = flag(false, "depth gives the student's logits, or pi and t, no gradient");
const TEACHER: Attributes = {
  teacher: word(
    ["relative", "logits", "binomial"],
    "relative",
    "relative: depth in [0, 1], binned by soft_bins; logits: given; binomial: rows of binomial_pack",
  ),
  stopped: STOPPED,
};
const TEACHER_OR_NONE: Attributes = {
  teacher: word(
    ["none", "relative", "logits", "binomial"],
    "relative",
    "as in the forward op; none: no teacher",
  ),
  by_centers: flag(true, "give d_centers; false: of shape [0]"),
  stopped: STOPPED,
};
const RELATION_TEMPERATURE: Attributes = {
  temperature: number(0.1, "divisor of the similarities before their softmax"),
};
const LOG_CHOOSE =
  "log_choose [K, 2]: L_k = n ln n - k ln k - (n - k) ln(n - k), n = K - 1, 0 ln 0 = 0, as (h, L_k - h) with h = floor(1024 L_k + 0.5) / 1024";

/** Names of these ops. */
type Name =
  | keyof typeof adamwOps
  | keyof typeof binCentersOps
  | keyof typeof binDecodeOps
  | keyof typeof binDistillOps
  | keyof typeof binExpectationOps
  | keyof typeof binHeadOps
  | keyof typeof binKlOps
  | keyof typeof binPoolOps
  | keyof typeof binomialDecodeOps
  | keyof typeof binomialPackOps
  | keyof typeof depthErrorOps
  | keyof typeof logBinomialOps
  | keyof typeof lossScaleOps
  | keyof typeof maskedMeanOps
  | keyof typeof sgdOps
  | keyof typeof silogOps
  | keyof typeof softBinsOps
  | keyof typeof softmaxBinsOps
  | keyof typeof viewRelationOps
  | keyof typeof viewRelationFusedOps
  | keyof typeof viewRelationSoftmaxOps
  | keyof typeof viewRelationWeightedOps;

/** These ops by name. */
export const BIN_OPS: Readonly<Record<Name, OwnOp>> = {
  softmax_bins: {
    says: "probabilities = softmax(logits / temperature) over the last axis",
    shapes: "logits [.., K] -> probabilities [.., K]",
    attributes: TEMPERATURE,
  },
  softmax_bins_grad: {
    says: "d_logits = p (d_p - sum p d_p) / temperature",
    shapes: "probabilities, d_probabilities [.., K] -> d_logits [.., K]",
    attributes: TEMPERATURE,
  },
  bin_centers: {
    says: "c_k = first_edge + sum_{j < k} w_j + w_k / 2",
    shapes: "widths [.., K] -> centers [.., K]",
    attributes: { first_edge: number(0, "left edge of the first bin, in units of the widths") },
  },
  bin_centers_grad: {
    says: "d_w_k = d_c_k / 2 + sum_{j > k} d_c_j",
    shapes: "d_centers [.., K] -> d_widths [.., K]",
    attributes: NONE,
  },
  attractor: {
    says: "y = c + mean_a f(A_a - c)",
    shapes: "centers [V, H, W, K], attractors [V, H, W, N] in the same units -> y [V, H, W, K]",
    attributes: ATTRACTOR,
  },
  attractor_grad_centers: {
    says: "d_centers of attractor",
    shapes: "centers, d_y [V, H, W, K], attractors [V, H, W, N] -> d_centers [V, H, W, K]",
    attributes: ATTRACTOR,
  },
  attractor_grad_attractors: {
    says: "d_attractors of attractor",
    shapes: "centers, d_y [V, H, W, K], attractors [V, H, W, N] -> d_attractors [V, H, W, N]",
    attributes: ATTRACTOR,
  },
  log_binomial_head: {
    says:
      "pi = a1 / (a1 + a2), t = t_min + (t_max - t_min) b1 / (b1 + b2), 1e-4 added to each of " +
      "(a1, a2, b1, b2)",
    shapes: "pairs [V, H, W, 4], positive -> pi, t [V, H, W, 1]",
    attributes: HEAD_TEMPERATURE,
  },
  log_binomial_head_grad: {
    says: "d_pairs of log_binomial_head",
    shapes: "pairs [V, H, W, 4], d_pi, d_t [V, H, W, 1] -> d_pairs [V, H, W, 4]",
    attributes: HEAD_TEMPERATURE,
  },
  log_binomial: {
    says:
      "z_k = (logC(K - 1, k) + k ln pi + (K - 1 - k) ln(1 - pi)) / t, pi and 1 - pi clamped to " +
      "[1e-4, 1], logC(n, k) = n ln n - k ln k - (n - k) ln(n - k) (Stirling, 0 ln 0 = 0)",
    shapes: "pi, t [V, H, W, 1] -> logits [V, H, W, K]",
    attributes: { bins: BINS },
  },
  log_binomial_grad: {
    says: "d_pi and d_t of log_binomial",
    shapes: "pi, t [V, H, W, 1], logits, d_logits [V, H, W, K] -> d_pi, d_t [V, H, W, 1]",
    attributes: NONE,
  },
  bin_expectation: {
    says: "depth = scale sum_k p_k c_k; no gradient by scale",
    shapes:
      "probabilities [V, H, W, K], centers [V, H, W, K] or [V, 1, 1, K] or [1, 1, 1, K], " +
      "scale [V] -> depth [V, H, W, 1]",
    attributes: NONE,
  },
  bin_expectation_grad: {
    says: "d_x = d_depth scale factor",
    shapes:
      "factor [V, H, W, K] or [V, 1, 1, K] or [1, 1, 1, K], d_depth [V, H, W, 1], scale [V] " +
      "-> d_x [V, H, W, K]",
    attributes: NONE,
  },
  bin_expectation_grad_shared: {
    says: "d_centers of centres that pixels share",
    shapes:
      "probabilities [V, H, W, K], d_depth [V, H, W, 1], scale [V] -> d_centers [groups, 1, 1, K]",
    attributes: { groups: GROUPS },
  },
  bin_decode: {
    says:
      "depth = scale sum_k softmax(logits)_k c_k, statistics = (maximum, 1 / sum e^(z - " +
      "maximum)); no gradient by scale or of statistics",
    shapes:
      "logits [V, H, W, K], centers [V, H, W, K] or [V, 1, 1, K] or [1, 1, 1, K], scale [V] " +
      "-> depth [V, H, W, 1], statistics [V, H, W, 2]",
    attributes: NONE,
  },
  bin_decode_grad_logits: {
    says: "d_logits of bin_decode",
    shapes:
      "logits [V, H, W, K], centers and scale as in bin_decode, statistics [V, H, W, 2], " +
      "depth, d_depth [V, H, W, 1] -> d_logits [V, H, W, K]",
    attributes: NONE,
  },
  bin_decode_grad_centers: {
    says: "d_centers of bin_decode, centres of each pixel",
    shapes:
      "logits [V, H, W, K], scale [V], statistics [V, H, W, 2], d_depth [V, H, W, 1] -> " +
      "d_centers [V, H, W, K]",
    attributes: NONE,
  },
  bin_decode_grad_shared_centers: {
    says: "d_centers of bin_decode, centres that pixels share",
    shapes:
      "logits [V, H, W, K], scale [V], statistics [V, H, W, 2], d_depth [V, H, W, 1] -> " +
      "d_centers [groups, 1, 1, K]",
    attributes: { groups: GROUPS },
  },
  binomial_decode: {
    says:
      "depth = scale sum_k softmax(z)_k c_k, z = log_binomial(pi, t); no gradient by scale, " +
      "log_choose or of statistics and rows",
    shapes:
      `pi, t [V, H, W, 1], ${LOG_CHOOSE}, centers and scale as in bin_decode -> depth ` +
      "[V, H, W, 1], statistics [V, H, W, 4], rows [V, H, W, 5] = (ln p - ln q, 1 / t, bin of " +
      "the highest logit, 1 / pi + 1 / (1 - pi) where not clamped, scale or 1)",
    attributes: NONE,
  },
  binomial_pack: {
    says:
      "rows = (ln p - ln q, 1 / t, bin of the highest logit of log_binomial(pi, t), 1 / pi + " +
      "1 / (1 - pi), scale or 1), p and q = pi and 1 - pi clamped to [1e-4, 1], a term of the " +
      "fourth 0 where its probability is clamped",
    shapes: `pi, t [V, H, W, 1], ${LOG_CHOOSE}, scale [V] -> rows [V, H, W, 5]`,
    attributes: NONE,
  },
  bin_distill: {
    says:
      "depth = scale sum_k p_k c_k, cross = scale sum_k q_k c_k, kl = KL(q || p) by pixels, p = " +
      "softmax(student), q = softmax(teacher), statistics = (maximum, 1 / sum e^(z - maximum)) " +
      "of both; no gradient by teacher and scale or of statistics",
    shapes:
      "student [V, H, W, K], teacher [V, H, W, 1], [V, H, W, K] or [V, H, W, 5], centers and " +
      "scale as in bin_decode -> depth, cross, kl [V, H, W, 1], statistics [V, H, W, 4]",
    attributes: TEACHER,
  },
  bin_distill_grad: {
    says: "d_student and d_centers of bin_distill, an absent gradient 0",
    shapes:
      "student, teacher, centers and scale as in bin_distill, statistics [V, H, W, 4], depth, " +
      "d_depth, d_cross, d_kl [V, H, W, 1] -> d_student [V, H, W, K], d_centers as centers",
    attributes: TEACHER,
  },
  bin_distill_binomial: {
    says: "bin_distill of student = log_binomial(pi, t)",
    shapes:
      `pi, t [V, H, W, 1], ${LOG_CHOOSE}, teacher, centers and scale as in bin_distill -> ` +
      "depth, cross, kl [V, H, W, 1], statistics [V, H, W, 4], rows as in binomial_decode",
    attributes: TEACHER,
  },
  bin_distill_binomial_grad: {
    says: "d_pi, d_t and d_centers of bin_distill_binomial, an absent gradient 0",
    shapes:
      "rows [V, H, W, 5], log_choose, teacher, centers and scale as in bin_distill_binomial, " +
      "statistics [V, H, W, 4], depth, d_depth, d_cross, d_kl [V, H, W, 1] -> d_pi, d_t " +
      "[V, H, W, 1], d_centers as centers",
    attributes: TEACHER_OR_NONE,
  },
  bin_head: {
    says:
      "bin_decode of logits = features weight^T + bias; no gradient by scale or of statistics = " +
      "(maximum, 1 / sum e^(z - maximum), 0, 0)",
    shapes:
      "features [V, H, W, C], weight [K, 1, 1, C], bias [K], centers [V, 1, 1, K] or " +
      "[1, 1, 1, K], scale [V] -> depth [V, H, W, 1], statistics [V, H, W, 4]",
    attributes: NONE,
  },
  bin_head_grad: {
    says: "d_features, d_weight, d_bias and d_centers of bin_head",
    shapes:
      "features, weight, bias, centers, scale as in bin_head, statistics [V, H, W, 4], depth, " +
      "d_depth [V, H, W, 1] -> d_features [V, H, W, C], d_weight [K, 1, 1, C], d_bias [K], " +
      "d_centers as centers",
    attributes: NONE,
  },
  soft_bins: {
    says: "z_k = -(r - (k + 1/2) / K)^2 K^2 / 2",
    shapes: "relative [V, H, W, 1] in [0, 1] -> logits [V, H, W, K]",
    attributes: { bins: BINS },
  },
  bin_kl: {
    says:
      "loss = tau^2 / count sum over usable > 0 of KL(q_teacher || q_student), q = " +
      "softmax(logits / tau), 0 without usable pixels; no gradient with respect to the teacher",
    shapes:
      "student, teacher [V, H, W, K], usable [V, H, W, 1] -> loss, count [1], statistics [V, " +
      "H, W, 4]",
    attributes: TEMPERATURE,
  },
  bin_kl_grad: {
    says: "d_student of bin_kl",
    shapes:
      "student, teacher [V, H, W, K], usable [V, H, W, 1], statistics [V, H, W, 4], count, " +
      "d_loss [1] -> d_student [V, H, W, K]",
    attributes: TEMPERATURE,
  },
  silog: {
    says:
      "loss = scale sqrt(Var(g) + (1 - lambda) mean(g)^2 + 1e-8), g = ln(depth + 1e-7) - " +
      "ln(depth_m + 1e-7) over valid > 0, Var unbiased, pooled over all views; 0 of fewer than " +
      "two pixels",
    shapes: "depth, depth_m, valid [V, H, W, 1] -> loss, count [1], statistics [4]",
    attributes: SILOG,
  },
  silog_grad: {
    says: "d_depth of silog",
    shapes:
      "depth, depth_m, valid [V, H, W, 1], statistics [4], d_loss [1] -> d_depth [V, H, W, 1]",
    attributes: SILOG,
  },
  depth_error: {
    says:
      "cost = scale |e|, e = depth - depth_m, with a threshold c scale (e^2 + c^2) / (2 c) where " +
      "|e| > c; 0 where valid <= 0",
    shapes: "depth, depth_m, valid [V, H, W, 1], threshold [1] -> cost [V, H, W, 1]",
    attributes: COST,
  },
  depth_error_grad: {
    says: "d_depth of depth_error, the threshold held constant",
    shapes: "depth, depth_m, valid, d_cost [V, H, W, 1], threshold [1] -> d_depth [V, H, W, 1]",
    attributes: COST,
  },
  depth_error_threshold: {
    says: "threshold = 0.2 max |depth - depth_m| over valid > 0, 0 of no such pixel",
    shapes: "depth, depth_m, valid [V, H, W, 1] -> threshold [1]",
    attributes: NONE,
  },
  masked_mean: {
    says: "mean = mean of x over mask > 0, 0 of nothing",
    shapes: "x, mask [any, equal] -> mean, count [1]",
    attributes: NONE,
  },
  masked_mean_grad: {
    says: "d_x = d_mean / count over mask > 0",
    shapes: "mask [any], count, d_mean [1] -> d_x [as mask]",
    attributes: NONE,
  },
  masked_pool: {
    says:
      "tokens = mean of x over each cell of a grid, weighted by mask, 0 of no weight; weight = " +
      "sum of mask",
    shapes: "x [V, H, W, E], mask [V, H, W, 1] -> tokens [V, h w, E], weight [V, h w]",
    attributes: { grid: GRID },
  },
  masked_pool_grad: {
    says: "d_x of masked_pool",
    shapes: "mask [V, H, W, 1], weight [V, h w], d_tokens [V, h w, E] -> d_x [V, H, W, E]",
    attributes: { grid: GRID },
  },
  bin_pool: {
    says:
      "tokens = sum mask p / sum mask over each cell, 0 where the mask sums to 0, p = softmax of " +
      "log_binomial(pi, t), weight = sum of mask; rows as in binomial_decode; no gradient by mask, " +
      "log_choose or of weight and rows",
    shapes:
      `pi, t [V, H, W, 1], ${LOG_CHOOSE}, mask [V, H, W, 1] -> tokens [V, h w, K], ` +
      "weight [V, h w], rows [V, H, W, 5]",
    attributes: { grid: GRID },
  },
  bin_pool_grad: {
    says: "d_pi and d_t of bin_pool",
    shapes:
      "rows [V, H, W, 5], log_choose [K, 2], mask [V, H, W, 1], weight [V, h w], d_tokens " +
      "[V, h w, K] -> d_pi, d_t [V, H, W, 1]",
    attributes: { grid: GRID },
  },
  normalize_rows: {
    says: "y = x / max(|x|, floor) by rows, length = |x|",
    shapes: "x [.., E] -> y [.., E], length [.., 1]",
    attributes: { floor: number(1e-6, "least length a row is divided by") },
  },
  normalize_rows_grad: {
    says: "d_x of normalize_rows",
    shapes: "y, d_y [.., E], length [.., 1] -> d_x [.., E]",
    attributes: { floor: number(1e-6, "as in normalize_rows") },
  },
  view_relation: {
    says:
      "R_p = X_p X_{p+1}^T for each ring-adjacent pair of views (p, p + 1 mod V), each " +
      "unordered pair once: V pairs, one for V = 2, none for V = 1",
    shapes: "tokens [V, L, E] -> relation [pairs, L, L]",
    attributes: NONE,
  },
  view_relation_grad: {
    says: "d_tokens of view_relation",
    shapes: "tokens [V, L, E], d_relation [pairs, L, L] -> d_tokens [V, L, E]",
    attributes: NONE,
  },
  view_relation_loss: {
    says: "loss = mean of (student - teacher)^2; no gradient with respect to the teacher",
    shapes: "student, teacher [pairs, L, L] -> loss, count [1]",
    attributes: NONE,
  },
  view_relation_loss_grad: {
    says: "d_student of view_relation_loss",
    shapes: "student, teacher [pairs, L, L], d_loss [1] -> d_student [pairs, L, L]",
    attributes: NONE,
  },
  view_relation_fused: {
    says:
      "loss = view_relation_loss of the view_relation of student and that of teacher, none of " +
      "them stored; no gradient with respect to the teacher",
    shapes: "student [V, L, E], teacher [V, L, F] -> loss, count [1]",
    attributes: NONE,
  },
  view_relation_fused_grad: {
    says: "d_student of view_relation_fused",
    shapes: "student [V, L, E], teacher [V, L, F], d_loss [1] -> d_student [V, L, E]",
    attributes: NONE,
  },
  view_relation_softmax: {
    says:
      "loss = mean over ordered pairs (v, w) of neighbours and rows of KL(q || p), p the softmax " +
      "of a row of X_v X_w^T / temperature, q that of the teacher, V = 2 having two ordered " +
      "pairs; count = rows, statistics = ln of the sums of both softmaxes towards the next view " +
      "and the one before, 0 where there is no pair; no gradient with respect to the teacher",
    shapes: "student [V, L, E], teacher [V, L, F] -> loss, count [1], statistics [V, 2, L, 2]",
    attributes: RELATION_TEMPERATURE,
  },
  view_relation_softmax_grad: {
    says: "d_student of view_relation_softmax",
    shapes:
      "student [V, L, E], teacher [V, L, F], statistics [V, 2, L, 2], d_loss [1] -> " +
      "d_student [V, L, E]",
    attributes: RELATION_TEMPERATURE,
  },
  view_relation_weighted: {
    says:
      "loss = sum of weights (X_p X_{p+1}^T - Y_p Y_{p+1}^T)^2 / max(total, 1), total = sum of " +
      "weights, pairs as in view_relation; no gradient with respect to the teacher and the weights",
    shapes: "student [V, L, E], teacher [V, L, F], weights [pairs, L, L] -> loss, total [1]",
    attributes: NONE,
  },
  view_relation_weighted_grad: {
    says: "d_student of view_relation_weighted",
    shapes:
      "student [V, L, E], teacher [V, L, F], weights [pairs, L, L], total, d_loss [1] -> " +
      "d_student [V, L, E]",
    attributes: NONE,
  },
  grad_norm: {
    says: "norm = (|g|, min(1, max_norm / |g|), 1 if all are finite else 0, 0)",
    shapes: "gradients [n] -> norm [4]",
    attributes: { max_norm: number(0, "length that longer gradients are scaled to; 0: never") },
  },
  loss_scale: {
    says:
      "norm = (|S g|, 1, finite, 0) -> (|g|, min(1, max_norm / |g|) / S, finite, 0); S is the " +
      "scale: doubled, at most to 2^24, after `growth` finite steps in a row, which steps counts; " +
      "halved, at least to 1, where norm[2] is 0; used is S before. Name norm, scale or steps among " +
      "the outputs",
    shapes: "norm [4], scale, steps [1] -> used [1], and the three it changes",
    attributes: {
      max_norm: number(0, "length that longer gradients are scaled to; 0: never"),
      growth: number(200, "finite steps in a row after which the scale doubles"),
    },
  },
  adamw: {
    says:
      "g = norm[1] gradients, m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, p -= " +
      "rate (c1 m / (sqrt(c2 v) + epsilon) + weight_decay decay p); rate, c1 = 1 / (1 - " +
      "beta1^t), c2 = 1 / (1 - beta2^t) are scalars[0], [1], [2]; name parameters, " +
      "first_moments or second_moments among the outputs. Nothing where norm[2] is 0. Simpler: " +
      "adamw_update below",
    shapes:
      "scalars [up to 64], gradients, parameters, first_moments, second_moments [n], n a " +
      "multiple of 64, decay [n / 64], norm [4] -> none but the three it changes",
    attributes: {
      beta1: number(0.9, "decay of the first moment"),
      beta2: number(0.999, "decay of the second moment"),
      epsilon: number(1e-8, "beside the root"),
      weight_decay: number(0.01, "decoupled, times the rate"),
    },
    finish: ({ attributes }) => ({
      ...attributes,
      slots: { learning_rate: 0, correction1: 1, correction2: 2 },
    }),
  },
  sgd: {
    says:
      "d = norm[1] gradients + weight_decay decay p, v = momentum v + d, p -= rate v, or rate (d + " +
      "momentum v) with nesterov; rate is scalars[0]; name parameters or first_moments (v) among " +
      "the outputs. Nothing where norm[2] is 0",
    shapes:
      "scalars [up to 64], gradients, parameters, first_moments [n], n a multiple of 64, decay " +
      "[n / 64], norm [4] -> none but the two it changes",
    attributes: {
      momentum: number(0, "share of the last step that is kept"),
      nesterov: flag(false, "the gradient is taken ahead of the momentum"),
      weight_decay: number(0, "times p, added to the gradient"),
    },
    finish: ({ attributes }) => ({ ...attributes, slots: { learning_rate: 0 } }),
  },
};
