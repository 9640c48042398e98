// Ops of the source `own` for images and tokens: convolutions, pooling, resizing, norms, attention.
import type { attentionOps } from "../../../src/graph/ops/attention.ts";
import type { conv2dOps } from "../../../src/graph/ops/conv2d.ts";
import type { conv2dTransposeOps } from "../../../src/graph/ops/conv2d_transpose.ts";
import type { normOps } from "../../../src/graph/ops/norm.ts";
import type { poolOps } from "../../../src/graph/ops/pool.ts";
import type { resizeOps } from "../../../src/graph/ops/resize.ts";
import { pooledSize } from "../../../src/kernels/pool.ts";
import { size } from "../../../src/tensor/shape.ts";
import {
  flag,
  number,
  pair,
  REQUIRED,
  sides,
  whole,
  word,
  type At,
  type Attributes,
} from "./attributes.ts";
import { shapeOf, type OwnOp } from "./own_op.ts";

type Pair = readonly [number, number];

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
            [padding[2 * axis], padding[2 * axis + 1]],
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
    "B: equal parts of the leading axes with statistics of their own; 1 for batch norm, V for " +
      "group norm",
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

const CORNERS = ["half_pixel", "align", "asymmetric"] as const;
const CORNERS_SAYS =
  'which positions of n and m pixels agree: "half_pixel" the outer borders, pixel o of y lies ' +
  'at (o + 1/2) n / m - 1/2 of x; "align" the centres of the corner pixels, ' +
  'o (n - 1) / (m - 1); "asymmetric" o n / m';
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

/** Names of these ops. */
type Name =
  | keyof typeof attentionOps
  | keyof typeof conv2dOps
  | keyof typeof conv2dTransposeOps
  | keyof typeof normOps
  | keyof typeof poolOps
  | keyof typeof resizeOps;

/** These ops by name. */
export const IMAGE_OPS: Readonly<Record<Name, OwnOp>> = {
  conv2d: {
    says: "y = cross-correlation of x with weight, plus bias",
    shapes:
      "x [V, H, W, C], weight [O, KH, KW, C/groups], bias [O] -> y [V, OH, OW, O], OH = " +
      "floor((H + top + bottom - dilation (KH - 1) - 1) / stride) + 1",
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
    says:
      "transposed convolution: the gradient with respect to its input of a conv2d from [V, OH, OW, O] to x, " +
      "plus bias",
    shapes:
      "x [V, H, W, C], weight [C, KH, KW, O/groups], bias [O] -> y [V, OH, OW, O], OH = (H - " +
      "1) stride + dilation (KH - 1) + 1 - top - bottom + output_padding",
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
    says:
      "y = (x - mean) / sqrt(variance + epsilon) gamma + beta, variance biased; x is seen as " +
      "[B, P, C]. By default layer norm over the last axis",
    shapes: "x [.., C], gamma, beta [C] -> y [as x], mean, variance [B, G]",
    attributes: NORM,
  },
  batch_norm: {
    says:
      "norm over all but the channels, which also moves the running statistics: running += " +
      "momentum (batch - running), with the unbiased variance; name running_mean or " +
      "running_variance among the outputs to hold what they are afterwards",
    shapes:
      "x [V, H, W, C], gamma, beta, running_mean, running_variance [C] -> y [as x], mean, " +
      "variance [1, C]",
    attributes: {
      ...BATCH_NORM,
      momentum: number(0.1, "share of the batch in the running statistics"),
    },
  },
  norm_fixed: {
    says: "norm with given statistics (batch norm in evaluation); no gradient with respect to them",
    shapes: "x [.., C], mean, variance [B, G] or [C], gamma, beta [C] -> y [as x]",
    attributes: BATCH_NORM,
  },
  norm_grad: {
    says: "gradients of norm, or with `fixed` of norm_fixed",
    shapes: "x, d_y [.., C], mean, variance [B, G], gamma [C] -> d_x [as x], d_gamma, d_beta [C]",
    attributes: { ...NORM, fixed: flag(false, "the statistics were given") },
  },
  attention: {
    says:
      "y = softmax(scale q k^T + mask) v, head by head, lse = ln sum e^score; a score of -1e30 " +
      "or less excludes its key, a query without keys gives zeros; no gradient with respect to the mask",
    shapes:
      "q [B, L, heads W], k [B, S, kv_heads W], v [B, S, kv_heads U], mask [B or 1, heads or " +
      "1, L or 1, S] -> y [B, L, heads U], lse [B, heads, L]",
    attributes: ATTENTION,
  },
  attention_grad: {
    says: "gradients of attention",
    shapes:
      "q, k, v, mask as in attention, y, d_y [B, L, heads U], lse [B, heads, L] -> d_q, d_k, " +
      "d_v [as q, k, v]",
    attributes: ATTENTION,
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
};
