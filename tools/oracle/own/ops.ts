// Every op of the engine as a case of the source `own` may call it: what it computes, shapes, attributes by name. The
// type of the table makes a missing op a compile error. Ops of several dispatches and composites: own/composites.ts.
import { ops } from "../../../src/graph/ops.ts";
import { ACTIVATIONS } from "../../../src/kernels/activation.ts";
import { ATTRACTIONS } from "../../../src/kernels/attractor.ts";
import { BINARY_KINDS } from "../../../src/kernels/binary.ts";
import { PAD_MODES } from "../../../src/kernels/pad.ts";
import { pooledSize } from "../../../src/kernels/pool.ts";
import { UNARY_KINDS } from "../../../src/kernels/unary.ts";
import { size, type Shape } from "../../../src/tensor/shape.ts";
import { UNBOUNDED } from "../compose.ts";
import {
  flag,
  list,
  margins,
  number,
  pair,
  REQUIRED,
  sides,
  whole,
  word,
  type At,
  type Attribute,
  type Attributes,
} from "./attributes.ts";

/** How the page shows an operator and how a case calls it. */
export interface OwnOp {
  /** What it computes, in one sentence. */
  readonly says: string;
  /** Shapes of inputs and outputs; axis letters as in the page. */
  readonly shapes: string;
  readonly attributes: Attributes;
  /** Last touches: negative axes, sorted lists. */
  readonly finish?: (at: At) => Readonly<Record<string, unknown>>;
}

type Pair = readonly [number, number];

const NONE: Attributes = {};
const shapeOf = ({ shapes }: At, name: string): Shape => shapes[name] ?? [0];
const channels = (at: At): number => shapeOf(at, "x").at(-1) ?? 0;
const rows = (at: At): number => size(shapeOf(at, "x").slice(0, -1));

const kernelSize = pair(REQUIRED, "rows and columns of the weight");
const CONVOLUTION: Attributes = {
  stride: pair([1, 1], "pixels of x from one pixel of y to the next"),
  padding: sides("zeros around the image, in pixels"),
  dilation: pair([1, 1], "pixels from one tap to the next"),
  groups: whole(1, "groups of channels that do not see each other"),
};
const FROM = pair(REQUIRED, "rows and columns of x");

const POOL: Attributes = {
  window: pair(REQUIRED, "taps of a window"),
  stride: pair({ says: "[1, 1]", of: () => [1, 1] }, "pixels from one window to the next"),
  dilation: pair([1, 1], "pixels from one tap to the next"),
  padding: sides("rows and columns around the image; no tap takes a value from them"),
  ceil: flag(false, "count a last window that reaches beyond the padding"),
  size: pair(
    {
      says: "what window, stride, dilation, padding and ceil give",
      of: (at) => {
        const { window, stride, dilation, padding, ceil } = at.attributes as {
          window: Pair;
          stride: Pair;
          dilation: Pair;
          padding: readonly [number, number, number, number];
          ceil: boolean;
        };
        const x = shapeOf(at, "x");
        const along = (axis: 0 | 1): number =>
          pooledSize(
            x[axis + 1] ?? 0,
            window[axis],
            stride[axis],
            [padding[2 * axis]!, padding[2 * axis + 1]!],
            dilation[axis],
            ceil,
          );
        return [along(0), along(1)];
      },
    },
    "windows along rows and columns",
  ),
};
const COUNT_PADDING = flag(
  false,
  "divide by the taps in image and padding, not by those in the image",
);

const EPSILON = number(1e-5, "added to the variance");
const NORM: Attributes = {
  batches: whole(
    { says: "rows of x, all axes but the last (layer norm)", of: rows },
    "B: equal parts of the leading axes with statistics of their own; 1 for batch norm, V for group norm",
  ),
  groups: whole(
    1,
    "G: groups of channels with statistics of their own; C for batch and instance norm",
  ),
  epsilon: EPSILON,
};
const BATCH_NORM: Attributes = {
  batches: whole(1, "as in norm"),
  groups: whole({ says: "C, the last axis of x", of: channels }, "as in norm"),
  epsilon: EPSILON,
};

const ATTENTION: Attributes = {
  heads: whole(1, "heads of q"),
  kv_heads: whole(
    { says: "heads", of: ({ attributes }) => attributes["heads"] },
    "heads of k and v, each serving heads / kv_heads of q",
  ),
  scale: number(
    {
      says: "1 / sqrt(W), W the width of a head",
      of: (at) => 1 / Math.sqrt((shapeOf(at, "q").at(-1) ?? 1) / Number(at.attributes["heads"])),
    },
    "factor of the products q . k",
  ),
  causal: flag(false, "query l sees keys 0 to l only"),
  softcap: number(
    0,
    "scores become softcap tanh(score / softcap) before the mask is added; 0: they do not",
  ),
};

const REDUCTIONS = [
  "sum",
  "mean",
  "max",
  "min",
  "product",
  "l1",
  "l2",
  "sum_square",
  "log_sum",
  "log_sum_exp",
] as const;
const AXES = list(
  { says: "all", of: (at) => shapeOf(at, "x").map((_, axis) => axis) },
  "axes that are folded; negative ones count from the end",
);

/** Axes from 0 on, ascending. */
function ascending(at: At): Readonly<Record<string, unknown>> {
  const rank = shapeOf(at, "x").length;
  const axes = (at.attributes["axes"] as number[]).map((axis) => (axis < 0 ? axis + rank : axis));
  return { ...at.attributes, axes: axes.toSorted((a, b) => a - b) };
}

const CORNERS = ["half_pixel", "align", "asymmetric"] as const;
const CORNERS_SAYS =
  'which positions of n and m pixels agree: "half_pixel" the outer borders, pixel o of y lies at (o + 1/2) n / m - 1/2 ' +
  'of x; "align" the centres of the corner pixels, o (n - 1) / (m - 1); "asymmetric" o n / m';
const ROUNDINGS = ["floor", "half_up", "half_down", "ceil"] as const;
const TO = pair(REQUIRED, "rows and columns of y");
const LINEAR: Attributes = { size: TO, corners: word(CORNERS, "half_pixel", CORNERS_SAYS) };
const NEAREST: Attributes = {
  size: TO,
  corners: word(CORNERS, "asymmetric", CORNERS_SAYS),
  rounding: word(
    ROUNDINGS,
    "floor",
    "how a position becomes a pixel; half_up and half_down differ halfway",
  ),
};

const ACTIVATION: Attributes = {
  kind: word(ACTIVATIONS, REQUIRED, "gelu is the exact one, x Phi(x)"),
  alpha: number(
    {
      says: "0.01 for leaky_relu, 1 for elu",
      of: ({ attributes }) => (attributes["kind"] === "leaky_relu" ? 0.01 : 1),
    },
    "slope below zero (leaky_relu) or scale below zero (elu: alpha (e^x - 1))",
  ),
};
const UNARY: Attributes = {
  kind: word(UNARY_KINDS, REQUIRED, "round goes to the even neighbour from halfway"),
  alpha: number(
    {
      says: "1 for affine, no bound for clamp",
      of: ({ attributes }) => (attributes["kind"] === "clamp" ? -UNBOUNDED : 1),
    },
    "affine: alpha x + beta; clamp: the lower bound",
  ),
  beta: number(
    {
      says: "0 for affine, no bound for clamp",
      of: ({ attributes }) => (attributes["kind"] === "clamp" ? UNBOUNDED : 0),
    },
    "affine: the summand; clamp: the upper bound",
  ),
};
const BINARY = word(
  BINARY_KINDS,
  REQUIRED,
  "power is a^b; modulo has the sign of b; comparisons give 1 or 0",
);
const MATMUL: Attributes = {
  transpose_a: flag(false, "a is stored [.., K, M]"),
  transpose_b: flag(false, "b is stored [.., N, K]"),
};
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
const GRID = pair(
  REQUIRED,
  "tokens along height and width; cell i covers rows floor(i H / h) to ceil((i + 1) H / h) - 1",
);
const GROUPS = whole(REQUIRED, "rows of centres: V for one an image, 1 for one a rig");
const slot = (fallback: number, says: string): Attribute => whole(fallback, says);

/** All ops by name. */
export const OWN_OPS: Readonly<Record<keyof typeof ops, OwnOp>> = {
  activation: {
    says: "y = f(x), a non-linearity",
    shapes: "x [any] -> y [as x]",
    attributes: ACTIVATION,
  },
  activation_grad: {
    says: "d_x = d_y f'(x)",
    shapes: "x, d_y [any] -> d_x [as x]",
    attributes: ACTIVATION,
  },
  unary: {
    says: "y = f(x), an elementary function",
    shapes: "x [any] -> y [as x]",
    attributes: UNARY,
  },
  unary_grad: {
    says: "d_x = d_y f'(x), 0 where f jumps",
    shapes: "x, d_y [any] -> d_x [as x]",
    attributes: UNARY,
  },
  binary: {
    says: "y = f(a, b)",
    shapes: "a, b [broadcast together as in NumPy] -> y [broadcast shape]",
    attributes: { kind: BINARY },
  },
  binary_grad: {
    says: "d_operand = d_y df/da or d_y df/db, not summed over broadcast axes",
    shapes: "a, b [broadcast together], d_y [broadcast shape] -> d_operand [broadcast shape]",
    attributes: { kind: BINARY, side: word(["a", "b"], REQUIRED, "by which operand") },
  },
  scale_by: {
    says: "y = scalars[slot] x",
    shapes: "x [any], scalars [up to 64] -> y [as x]",
    attributes: { slot: slot(0, "which of the scalars") },
  },
  reduce: {
    says: "y = fold of x along axes; l1 = sum |x|, l2 = sqrt(sum x^2), log_sum = ln sum x, log_sum_exp = ln sum e^x; equal extrema each take the whole gradient",
    shapes: "x [any] -> y [axes that are left]",
    attributes: {
      kind: word(REDUCTIONS, REQUIRED, "the fold"),
      axes: AXES,
      keep: flag(false, "leave folded axes in with length 1"),
    },
    finish: ascending,
  },
  reduce_grad: {
    says: "d_x = d_y dy/dx of a fold that needs its input (not sum, mean, product)",
    shapes: "x [any], y, d_y [outputs of the fold] -> d_x [as x]",
    attributes: {
      kind: word(
        REDUCTIONS.filter((kind) => !["sum", "mean", "product"].includes(kind)),
        REQUIRED,
        "the fold",
      ),
      axes: AXES,
    },
    finish: ascending,
  },
  reduce_grad_product: {
    says: "d_x = d_y times the product of the other elements",
    shapes: "x [any], d_y [outputs of the fold] -> d_x [as x]",
    attributes: { axes: AXES },
    finish: ascending,
  },
  expand: {
    says: "y = x repeated along axes of length 1 and new leading axes",
    shapes: "x [broadcasts to shape] -> y [shape]",
    attributes: { shape: list(REQUIRED, "shape of y") },
  },
  matmul: {
    says: "y = a b + bias, batch axes broadcast as in NumPy",
    shapes: "a [.., M, K], b [.., K, N], bias [N] -> y [.., M, N]",
    attributes: MATMUL,
  },
  column_sum: {
    says: "y = sum over the rows",
    shapes: "x [batches, rows, columns] -> y [batches, columns]",
    attributes: NONE,
  },
  conv2d: {
    says: "y = cross-correlation of x with weight, plus bias",
    shapes:
      "x [V, H, W, C], weight [O, KH, KW, C/groups], bias [O] -> y [V, OH, OW, O], OH = floor((H + top + bottom - dilation (KH - 1) - 1) / stride) + 1",
    attributes: CONVOLUTION,
  },
  conv2d_grad_input: {
    says: "d_x of conv2d",
    shapes: "d_y [V, OH, OW, O], weight [O, KH, KW, C/groups] -> d_x [V, H, W, C]",
    attributes: { ...CONVOLUTION, input: FROM },
  },
  conv2d_grad_weight: {
    says: "d_weight of conv2d",
    shapes: "x [V, H, W, C], d_y [V, OH, OW, O] -> d_weight [O, KH, KW, C/groups]",
    attributes: { ...CONVOLUTION, kernel: kernelSize },
  },
  conv2d_transpose: {
    says: "transposed convolution: the gradient by its input of a conv2d from [V, OH, OW, O] to x, plus bias",
    shapes:
      "x [V, H, W, C], weight [C, KH, KW, O/groups], bias [O] -> y [V, OH, OW, O], OH = (H - 1) stride + dilation (KH - 1) + 1 - top - bottom + output_padding",
    attributes: {
      ...CONVOLUTION,
      output_padding: pair([0, 0], "rows and columns added at the end of y, less than the stride"),
    },
  },
  max_pool: {
    says: "y = largest value of each window; of equal ones the first takes the gradient",
    shapes: "x [V, H, W, C] -> y [V, size, C]",
    attributes: POOL,
  },
  max_pool_grad: {
    says: "d_x of max_pool",
    shapes: "x [V, H, W, C], y, d_y [V, size, C] -> d_x [V, H, W, C]",
    attributes: POOL,
  },
  average_pool: {
    says: "y = mean of each window",
    shapes: "x [V, H, W, C] -> y [V, size, C]",
    attributes: { ...POOL, countPadding: COUNT_PADDING },
  },
  average_pool_grad: {
    says: "d_x of average_pool",
    shapes: "d_y [V, size, C] -> d_x [V, from, C]",
    attributes: {
      ...POOL,
      size: pair(
        { says: "rows and columns of d_y", of: (at) => shapeOf(at, "d_y").slice(1, 3) },
        "windows along rows and columns",
      ),
      from: FROM,
      countPadding: COUNT_PADDING,
    },
  },
  norm: {
    says: "y = (x - mean) / sqrt(variance + epsilon) gamma + beta, variance biased; x is seen as [B, P, C]. By default layer norm over the last axis",
    shapes: "x [.., C], gamma, beta [C] -> y [as x], mean, variance [B, G]",
    attributes: NORM,
  },
  batch_norm: {
    says: "norm over all but the channels, which also moves the running statistics: running += momentum (batch - running), with the unbiased variance; name running_mean or running_variance among the outputs to hold what they are afterwards",
    shapes:
      "x [V, H, W, C], gamma, beta, running_mean, running_variance [C] -> y [as x], mean, variance [1, C]",
    attributes: {
      ...BATCH_NORM,
      momentum: number(0.1, "share of the batch in the running statistics"),
    },
  },
  norm_fixed: {
    says: "norm with given statistics (batch norm in evaluation); no gradient by them",
    shapes: "x [.., C], mean, variance [B, G] or [C], gamma, beta [C] -> y [as x]",
    attributes: BATCH_NORM,
  },
  norm_grad: {
    says: "gradients of norm, or with `fixed` of norm_fixed",
    shapes: "x, d_y [.., C], mean, variance [B, G], gamma [C] -> d_x [as x], d_gamma, d_beta [C]",
    attributes: { ...NORM, fixed: flag(false, "the statistics were given") },
  },
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
  attention: {
    says: "y = softmax(scale q k^T + mask) v, head by head, lse = ln sum e^score; a score of -1e30 or less excludes its key, a query without keys gives zeros; no gradient by the mask",
    shapes:
      "q [B, L, heads W], k [B, S, kv_heads W], v [B, S, kv_heads U], mask [B or 1, heads or 1, L or 1, S] -> y [B, L, heads U], lse [B, heads, L]",
    attributes: ATTENTION,
  },
  attention_grad: {
    says: "gradients of attention",
    shapes:
      "q, k, v, mask as in attention, y, d_y [B, L, heads U], lse [B, heads, L] -> d_q, d_k, d_v [as q, k, v]",
    attributes: ATTENTION,
  },
  pad: {
    says: "y = x with margins",
    shapes: "x [any] -> y [each axis longer by its margins]",
    attributes: {
      padding: margins("margins of every axis of x"),
      mode: word(PAD_MODES, "constant", "reflect has the border once, symmetric twice"),
      value: number(0, "what constant margins hold"),
    },
  },
  pad_grad: {
    says: "d_x = d_y with the margins along one axis folded back",
    shapes: "d_y [any] -> d_x [axis shorter by its margins]",
    attributes: {
      axis: whole(REQUIRED, "the axis"),
      margins: pair(REQUIRED, "[before, after]"),
      mode: word(
        PAD_MODES.filter((mode) => mode !== "constant"),
        REQUIRED,
        "as in pad",
      ),
    },
  },
  slice: {
    says: "y = sizes elements of x from starts, every steps-th",
    shapes: "x [any] -> y [sizes]",
    attributes: {
      starts: list(REQUIRED, "first index along each axis"),
      sizes: list(REQUIRED, "elements along each axis"),
      steps: list(
        { says: "1 each", of: (at) => shapeOf(at, "x").map(() => 1) },
        "indices from one element to the next; negative: backwards",
      ),
    },
  },
  slice_grad: {
    says: "y = x placed into zeros",
    shapes: "x [any] -> y [shape]",
    attributes: {
      shape: list(REQUIRED, "shape of y"),
      starts: list(REQUIRED, "index of x's first element along each axis of y"),
      steps: list({ says: "1 each", of: (at) => shapeOf(at, "x").map(() => 1) }, "as in slice"),
    },
  },
  transpose: {
    says: "axis i of y is axis permutation[i] of x",
    shapes: "x [any] -> y [axes reordered]",
    attributes: {
      permutation: list(
        {
          says: "axes reversed",
          of: (at) =>
            shapeOf(at, "x")
              .map((_, axis) => axis)
              .toReversed(),
        },
        "order of the axes",
      ),
    },
  },
  concat: {
    says: "y = a, b, c and d one behind the other",
    shapes: "a, b, c, d [equal but for axis] -> y",
    attributes: { axis: whole(-1, "the axis; negative ones count from the end") },
    finish: (at) => {
      const axis = at.attributes["axis"] as number;
      return { axis: axis < 0 ? axis + shapeOf(at, "a").length : axis };
    },
  },
  resize_bilinear: {
    says: "y = x linearly between its pixels, positions clamped to the image",
    shapes: "x [V, H, W, C] -> y [V, size, C]",
    attributes: LINEAR,
  },
  resize_bilinear_grad: {
    says: "d_x of resize_bilinear",
    shapes: "d_y [V, size, C] -> d_x [V, from, C]",
    attributes: { ...LINEAR, from: FROM },
  },
  resize_nearest: {
    says: "y = x at the nearest pixels",
    shapes: "x [V, H, W, C] -> y [V, size, C]",
    attributes: NEAREST,
  },
  resize_nearest_grad: {
    says: "d_x of resize_nearest",
    shapes: "d_y [V, size, C] -> d_x [V, from, C]",
    attributes: { ...NEAREST, from: FROM },
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
    says: "pi = a1 / (a1 + a2), t = t_min + (t_max - t_min) b1 / (b1 + b2), 1e-4 added to each of (a1, a2, b1, b2)",
    shapes: "pairs [V, H, W, 4], positive -> pi, t [V, H, W, 1]",
    attributes: HEAD_TEMPERATURE,
  },
  log_binomial_head_grad: {
    says: "d_pairs of log_binomial_head",
    shapes: "pairs [V, H, W, 4], d_pi, d_t [V, H, W, 1] -> d_pairs [V, H, W, 4]",
    attributes: HEAD_TEMPERATURE,
  },
  log_binomial: {
    says: "z_k = (logC(K - 1, k) + k ln pi + (K - 1 - k) ln(1 - pi)) / t, pi and 1 - pi clamped to [1e-4, 1], logC(n, k) = n ln n - k ln k - (n - k) ln(n - k) (Stirling, 0 ln 0 = 0)",
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
      "probabilities [V, H, W, K], centers [V, H, W, K] or [V, 1, 1, K] or [1, 1, 1, K], scale [V] -> depth [V, H, W, 1]",
    attributes: NONE,
  },
  bin_expectation_grad: {
    says: "d_x = d_depth scale factor",
    shapes:
      "factor [V, H, W, K] or [V, 1, 1, K] or [1, 1, 1, K], d_depth [V, H, W, 1], scale [V] -> d_x [V, H, W, K]",
    attributes: NONE,
  },
  bin_expectation_grad_shared: {
    says: "d_centers of centres that pixels share",
    shapes:
      "probabilities [V, H, W, K], d_depth [V, H, W, 1], scale [V] -> d_centers [groups, 1, 1, K]",
    attributes: { groups: GROUPS },
  },
  bin_decode: {
    says: "depth = scale sum_k softmax(logits)_k c_k, statistics = (maximum, 1 / sum e^(z - maximum)); no gradient by scale or of statistics",
    shapes:
      "logits [V, H, W, K], centers [V, H, W, K] or [V, 1, 1, K] or [1, 1, 1, K], scale [V] -> depth [V, H, W, 1], statistics [V, H, W, 2]",
    attributes: NONE,
  },
  bin_decode_grad_logits: {
    says: "d_logits of bin_decode",
    shapes:
      "logits [V, H, W, K], centers and scale as in bin_decode, statistics [V, H, W, 2], depth, d_depth [V, H, W, 1] -> d_logits [V, H, W, K]",
    attributes: NONE,
  },
  bin_decode_grad_centers: {
    says: "d_centers of bin_decode, centres of each pixel",
    shapes:
      "logits [V, H, W, K], scale [V], statistics [V, H, W, 2], d_depth [V, H, W, 1] -> d_centers [V, H, W, K]",
    attributes: NONE,
  },
  bin_decode_grad_shared_centers: {
    says: "d_centers of bin_decode, centres that pixels share",
    shapes:
      "logits [V, H, W, K], scale [V], statistics [V, H, W, 2], d_depth [V, H, W, 1] -> d_centers [groups, 1, 1, K]",
    attributes: { groups: GROUPS },
  },
  soft_bins: {
    says: "z_k = -(r - (k + 1/2) / K)^2 K^2 / 2",
    shapes: "relative [V, H, W, 1] in [0, 1] -> logits [V, H, W, K]",
    attributes: { bins: BINS },
  },
  bin_kl: {
    says: "loss = tau^2 / count sum over usable > 0 of KL(q_teacher || q_student), q = softmax(logits / tau), 0 of no usable pixel; no gradient by the teacher",
    shapes:
      "student, teacher [V, H, W, K], usable [V, H, W, 1] -> loss, count [1], statistics [V, H, W, 4]",
    attributes: TEMPERATURE,
  },
  bin_kl_grad: {
    says: "d_student of bin_kl",
    shapes:
      "student, teacher [V, H, W, K], usable [V, H, W, 1], statistics [V, H, W, 4], count, d_loss [1] -> d_student [V, H, W, K]",
    attributes: TEMPERATURE,
  },
  silog: {
    says: "loss = scale sqrt(Var(g) + (1 - lambda) mean(g)^2 + 1e-8), g = ln(depth + 1e-7) - ln(depth_m + 1e-7) over valid > 0, Var unbiased, pooled over all views; 0 of fewer than two pixels",
    shapes: "depth, depth_m, valid [V, H, W, 1] -> loss, count [1], statistics [4]",
    attributes: SILOG,
  },
  silog_grad: {
    says: "d_depth of silog",
    shapes:
      "depth, depth_m, valid [V, H, W, 1], statistics [4], d_loss [1] -> d_depth [V, H, W, 1]",
    attributes: SILOG,
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
    says: "tokens = mean of x over each cell of a grid, weighted by mask, 0 of no weight; weight = sum of mask",
    shapes: "x [V, H, W, E], mask [V, H, W, 1] -> tokens [V, h w, E], weight [V, h w]",
    attributes: { grid: GRID },
  },
  masked_pool_grad: {
    says: "d_x of masked_pool",
    shapes: "mask [V, H, W, 1], weight [V, h w], d_tokens [V, h w, E] -> d_x [V, H, W, E]",
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
    says: "R_p = X_p X_{p+1}^T for each ring-adjacent pair of views (p, p + 1 mod V), each unordered pair once: V pairs, one for V = 2, none for V = 1",
    shapes: "tokens [V, L, E] -> relation [pairs, L, L]",
    attributes: NONE,
  },
  view_relation_grad: {
    says: "d_tokens of view_relation",
    shapes: "tokens [V, L, E], d_relation [pairs, L, L] -> d_tokens [V, L, E]",
    attributes: NONE,
  },
  view_relation_loss: {
    says: "loss = mean of (student - teacher)^2; no gradient by the teacher",
    shapes: "student, teacher [pairs, L, L] -> loss, count [1]",
    attributes: NONE,
  },
  view_relation_loss_grad: {
    says: "d_student of view_relation_loss",
    shapes: "student, teacher [pairs, L, L], d_loss [1] -> d_student [pairs, L, L]",
    attributes: NONE,
  },
  grad_norm: {
    says: "norm = (|g|, min(1, max_norm / |g|), 1 if all are finite else 0, 0)",
    shapes: "gradients [n] -> norm [4]",
    attributes: { max_norm: number(0, "length that longer gradients are scaled to; 0: never") },
  },
  adamw: {
    says: "g = norm[1] gradients, m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, p -= rate (c1 m / (sqrt(c2 v) + epsilon) + weight_decay decay p); rate, c1 = 1 / (1 - beta1^t), c2 = 1 / (1 - beta2^t) are scalars[0], [1], [2]; name parameters, first_moments or second_moments among the outputs. Nothing where norm[2] is 0. Simpler: adamw_update below",
    shapes:
      "scalars [up to 64], gradients, parameters, first_moments, second_moments [n], n a multiple of 64, decay [n / 64], norm [4] -> none but the three it changes",
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
};
