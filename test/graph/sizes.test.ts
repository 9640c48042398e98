// Every op over shapes with axes of 0 and 1 and a little more: the GPU and the references agree,
// forward and backward, or both refuse the shapes with an error that a person can act on.
import { describe, expect, test } from "vitest";
import { relu } from "../../src/graph/ops/activation.ts";
import { binary } from "../../src/graph/ops/arithmetic.ts";
import { attention } from "../../src/graph/ops/attention.ts";
import { attractor, binCenters } from "../../src/graph/ops/bin_centers.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { binDistill, binDistillBinomial } from "../../src/graph/ops/bin_distill.ts";
import { packBinomial } from "../../src/graph/ops/binomial_pack.ts";
import { binExpectation } from "../../src/graph/ops/bin_expectation.ts";
import { binHead } from "../../src/graph/ops/bin_head.ts";
import { binKl } from "../../src/graph/ops/bin_kl.ts";
import { binomialDecode } from "../../src/graph/ops/binomial_decode.ts";
import { concat } from "../../src/graph/ops/concat.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { conv2dTranspose } from "../../src/graph/ops/conv2d_transpose.ts";
import { linear, matmul } from "../../src/graph/ops/gemm.ts";
import { logBinomial, logBinomialHead } from "../../src/graph/ops/log_binomial.ts";
import { depthError } from "../../src/graph/ops/depth_error.ts";
import { maskedMean } from "../../src/graph/ops/masked_mean.ts";
import { batchNorm, groupNorm, layerNorm } from "../../src/graph/ops/norm.ts";
import { pad, padReflect } from "../../src/graph/ops/pad.ts";
import { averagePool, globalAveragePool, maxPool } from "../../src/graph/ops/pool.ts";
import { expand, reduce } from "../../src/graph/ops/reduce.ts";
import { resizeBilinear, resizeNearest } from "../../src/graph/ops/resize.ts";
import { silog } from "../../src/graph/ops/silog.ts";
import { slice, transpose } from "../../src/graph/ops/slice.ts";
import { softBins } from "../../src/graph/ops/soft_bins.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import {
  maskedPool,
  normalizeRows,
  viewRelation,
  viewRelationLoss,
} from "../../src/graph/ops/view_relation.ts";
import { viewRelationFused } from "../../src/graph/ops/view_relation_fused.ts";
import type { Graph, Value } from "../../src/graph/value.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { bothPaths, type Make } from "../support/both_paths.ts";

type Build = (make: Make, n: readonly number[], g: Graph) => Readonly<Record<string, Value>>;

/** An op over drawn sizes (V, H, W, C and two more), and the inputs that it is differentiated by. */
const OPS: Readonly<Record<string, readonly [build: Build, ...wrt: string[]]>> = {
  relu: [(make, [v, h]) => ({ y: relu(make("x", [v, h])) }), "x"],
  binary: [
    (make, [v, h, w]) => ({ y: binary(make("a", [v, 1, w]), make("b", [h, w]), "divide") }),
    "a",
  ],
  attention: [
    (make, [b, l, s, width, heads]) => ({
      y: attention(
        make("q", [b, l, heads * width]),
        make("k", [b, s, heads * width]),
        make("v", [b, s, heads]),
        { heads },
      ),
    }),
    "q",
    "k",
    "v",
  ],
  bin_centers: [(make, [v, h, k]) => ({ y: binCenters(make("x", [v, h, k]), 0.1) }), "x"],
  attractor: [
    (make, [v, h, w, k, a]) => ({
      y: attractor(make("x", [v, h, w, k]), make("a", [v, h, w, a]), {
        alpha: 300,
        kind: "inverse",
        gamma: 2,
      }),
    }),
    "x",
    "a",
  ],
  bin_decode: [
    (make, [v, h, w, k]) => ({ y: binDecode(make("x", [v, h, w, k]), make("c", [v, 1, 1, k])) }),
    "x",
    "c",
  ],
  "bin_decode of the pixel": [
    (make, [v, h, w, k]) => ({ y: binDecode(make("x", [v, h, w, k]), make("c", [v, h, w, k])) }),
    "x",
    "c",
  ],
  bin_expectation: [
    (make, [v, h, w, k]) => ({
      y: binExpectation(make("x", [v, h, w, k]), make("c", [1, 1, 1, k])),
    }),
    "x",
    "c",
  ],
  bin_head: [
    (make, [v, h, w, c, k]) => ({
      y: binHead({
        features: make("x", [v, h, w, c]),
        weight: make("w", [k, 1, 1, c]),
        bias: null,
        centers: make("c", [v, 1, 1, k]),
      }),
    }),
    "x",
    "w",
    "c",
  ],
  bin_kl: [
    (make, [v, h, w, k]) => ({
      y: binKl(
        make("x", [v, h, w, k]),
        make("t", [v, h, w, k]),
        make("m", [v, h, w, 1], "positive"),
        {
          temperature: 1,
        },
      ),
    }),
    "x",
  ],
  bin_distill: [
    (make, [v, h, w, k]) => ({
      ...binDistill(
        {
          student: make("x", [v, h, w, k]),
          teacher: make("t", [v, h, w, k]),
          centers: make("c", [v, 1, 1, k]),
        },
        { teacher: "logits" },
      ),
    }),
    "x",
  ],
  bin_distill_binomial: [
    (make, [v, h, w, k]) => ({
      ...binDistillBinomial(
        {
          pi: make("x", [v, h, w, 1], "positive"),
          t: make("t", [v, h, w, 1], "positive"),
          teacher: make("r", [v, h, w, 1], "positive"),
          centers: make("c", [v, 1, 1, k]),
        },
        { teacher: "relative" },
      ),
    }),
    "x",
  ],
  "bin_distill of two binomials": [
    (make, [v, h, w, k]) => ({
      ...binDistillBinomial(
        {
          pi: make("x", [v, h, w, 1], "positive"),
          t: make("t", [v, h, w, 1], "positive"),
          teacher: packBinomial(
            make("p", [v, h, w, 1], "positive"),
            make("q", [v, h, w, 1], "positive"),
            { bins: k },
          ),
          centers: make("c", [v, 1, 1, k]),
        },
        { teacher: "binomial" },
      ),
    }),
    "x",
  ],
  binomial_decode: [
    (make, [v, h, w, k]) => ({
      y: binomialDecode({
        pi: make("x", [v, h, w, 1], "positive"),
        t: make("t", [v, h, w, 1], "positive"),
        centers: make("c", [v, 1, 1, k]),
      }),
    }),
    "x",
    "c",
  ],
  log_binomial: [
    (make, [v, h, w, k]) => ({
      y: logBinomial(make("x", [v, h, w, 1], "positive"), make("t", [v, h, w, 1], "positive"), {
        bins: k,
      }),
    }),
    "x",
  ],
  log_binomial_head: [
    (make, [v, h, w]) => ({
      ...logBinomialHead(make("x", [v, h, w, 4]), { t_min: 0.02, t_max: 50 }),
    }),
    "x",
  ],
  concat: [
    (make, [v, h, w, c]) => ({ y: concat([make("x", [v, h, c]), make("z", [v, w, c])], 1) }),
    "x",
  ],
  conv2d: [
    (make, [v, h, w, c, o, k]) => ({
      y: conv2d(make("x", [v, h, w, c]), make("w", [o, k, 1, c]), make("b", [o]), { pad: 1 }),
    }),
    "x",
    "w",
    "b",
  ],
  "conv2d in groups": [
    (make, [v, h, w, groups, o]) => ({
      y: conv2d(make("x", [v, h, w, groups]), make("w", [groups * o, 1, 1, 1]), null, { groups }),
    }),
    "x",
    "w",
  ],
  conv2d_transpose: [
    (make, [v, h, w, c, o, k]) => ({
      y: conv2dTranspose(make("x", [v, h, w, c]), make("w", [c, k, k, o]), make("b", [o]), {
        stride: 2,
      }),
    }),
    "x",
    "w",
  ],
  matmul: [
    (make, [b, m, n, k]) => ({ y: matmul(make("x", [b, m, k]), make("w", [b, k, n])) }),
    "x",
    "w",
  ],
  linear: [
    (make, [m, n, k]) => ({ y: linear(make("x", [m, k]), make("w", [n, k]), make("b", [n])) }),
    "x",
    "w",
    "b",
  ],
  depth_error: [
    (make, [v, h]) => ({
      loss: depthError(
        make("x", [v, h, 1, 1], "positive"),
        make("d", [v, h, 1, 1], "positive"),
        make("m", [v, h, 1, 1], "positive"),
        { form: "berhu", scale: 0.1 },
      ).loss,
    }),
  ],
  masked_mean: [
    (make, [v, h]) => ({ ...maskedMean(make("x", [v, h]), make("m", [v, h], "positive")) }),
  ],
  batch_norm: [
    (make, [v, h, w, c], g) => ({
      y: batchNorm(
        {
          x: make("x", [v, h, w, c]),
          gamma: make("g", [c]),
          beta: make("b", [c]),
          running_mean: g.state("mean", [c], 0),
          running_variance: g.state("variance", [c], 1),
        },
        { training: true, epsilon: 1e-5, momentum: 0.1 },
      ),
    }),
    "g",
  ],
  group_norm: [
    (make, [v, h, w, c, groups]) => ({
      y: groupNorm(
        make("x", [v, h, w, c * groups]),
        make("g", [c * groups]),
        make("b", [c * groups]),
        {
          groups,
          epsilon: 1e-2,
        },
      ),
    }),
    "x",
    "g",
  ],
  layer_norm: [
    (make, [v, c]) => ({
      y: layerNorm(make("x", [v, c]), make("g", [c]), make("b", [c]), { epsilon: 1e-2 }),
    }),
    "x",
    "g",
  ],
  pad: [
    (make, [v, h, w]) => ({
      y: pad(make("x", [v, h]), [
        [1, w],
        [0, 2],
      ]),
    }),
    "x",
  ],
  pad_reflect: [(make, [v, h, w, c]) => ({ y: padReflect(make("x", [v, h, w, c]), 1) }), "x"],
  max_pool: [
    (make, [v, h, w, c, k, s]) => ({
      y: maxPool(make("x", [v, h, w, c]), { window: k, stride: s, pad: 0 }),
    }),
    "x",
  ],
  average_pool: [
    (make, [v, h, w, c, k]) => ({
      y: averagePool(make("x", [v, h, w, c]), { window: k, pad: k > 1 ? 1 : 0, ceil: true }),
    }),
    "x",
  ],
  global_average_pool: [
    (make, [v, h, w, c]) => ({ y: globalAveragePool(make("x", [v, h, w, c])) }),
    "x",
  ],
  ...Object.fromEntries(
    (["sum", "mean", "product", "max", "min", "log_sum_exp", "sum_square"] as const).map((kind) => [
      `reduce ${kind}`,
      [
        (make: Make, [v, h, w]: readonly number[]) => ({
          y: reduce(make("x", [v, h, w]), kind, { axes: [1] }),
        }),
        "x",
      ] as const,
    ]),
  ),
  expand: [(make, [v, h, w]) => ({ y: expand(make("x", [h, 1]), [v, h, w]) }), "x"],
  resize_nearest: [
    (make, [v, h, w, c, k, s]) => ({ y: resizeNearest(make("x", [v, h, w, c]), [k, s]) }),
    "x",
  ],
  resize_bilinear: [
    (make, [v, h, w, c, k, s]) => ({
      y: resizeBilinear(make("x", [v, h, w, c]), [k, s], "half_pixel"),
    }),
    "x",
  ],
  silog: [
    (make, [v, h]) => ({
      loss: silog(
        make("x", [v, h, 1, 1], "positive"),
        make("d", [v, h, 1, 1], "positive"),
        make("m", [v, h, 1, 1], "positive"),
      ).loss,
    }),
  ],
  slice: [(make, [v, h, w]) => ({ y: slice(make("x", [v, h]), [0, 0], [v, Math.min(h, w)]) }), "x"],
  transpose: [(make, [v, h, w]) => ({ y: transpose(make("x", [v, h, w]), [2, 0, 1]) }), "x"],
  soft_bins: [
    (make, [v, h, w, bins]) => ({ y: softBins(make("x", [v, h, w, 1], "positive"), { bins }) }),
  ],
  softmax_bins: [(make, [v, h, k]) => ({ y: softmaxBins(make("x", [v, h, k])) }), "x"],
  masked_pool: [
    (make, [v, h, w, c, k, s]) => ({
      y: maskedPool(make("x", [v, h, w, c]), make("m", [v, h, w, 1], "positive"), {
        grid: [k, s],
      }),
    }),
    "x",
  ],
  normalize_rows: [(make, [v, h, c]) => ({ y: normalizeRows(make("x", [v, h, c])) }), "x"],
  view_relation: [(make, [v, l, e]) => ({ y: viewRelation(make("x", [v, l, e])) }), "x"],
  view_relation_loss: [
    (make, [v, l]) => ({ y: viewRelationLoss(make("x", [v, l, l]), make("t", [v, l, l])) }),
    "x",
  ],
  view_relation_fused: [
    (make, [v, l, e, f]) => ({ y: viewRelationFused(make("x", [v, l, e]), make("t", [v, l, f])) }),
    "x",
  ],
};

/** All sizes 2, each of them in turn 0 and 1, and a few at random. */
function drawn(name: string): number[][] {
  const random = randomStream(name.length, 7);
  const all = [2, 2, 2, 2, 2, 2];
  const singles = all.flatMap((_, i) => [0, 1].map((n) => all.with(i, n)));
  const mixed = Array.from({ length: 5 }, () => all.map(() => random.integer(4)));
  return [all, ...singles, ...mixed];
}

// A depth needs a bin, a divergence too: the GPU gave 0, or what was never written.
test.each(
  Object.entries(OPS).filter(([name]) =>
    /^(bin_(decode|expect|head|kl|dist)|.*binomial)/.test(name),
  ),
)("%s of no bin is refused", async (name, [build]) => {
  const sizes = name === "bin_head" ? [2, 2, 2, 2, 0, 2] : [2, 2, 2, 0, 2, 2];
  if (name === "log_binomial_head") return; // it has no bins
  const outcome = await bothPaths((make, g) => build(make, sizes, g));
  expect(outcome).toMatchObject({
    kind: "refused",
    message: expect.stringMatching(/1 or more|expected 1 to/),
  });
});

test.each(["conv2d", "conv2d_transpose"])("%s of no channel is refused", async (name) => {
  for (const sizes of [
    [2, 2, 2, 0, 2, 1],
    [2, 2, 2, 2, 0, 1],
  ]) {
    const outcome = await bothPaths((make, g) => OPS[name][0](make, sizes, g));
    expect(outcome).toMatchObject({
      kind: "refused",
      message: expect.stringMatching(/a convolution needs at least one of each/),
    });
  }
});

test("a window that does not fit is refused, as a kernel of a convolution is", async () => {
  const outcome = await bothPaths((make) => ({
    y: maxPool(make("x", [1, 2, 2, 1]), { window: 3 }),
  }));
  expect(outcome).toMatchObject({
    kind: "refused",
    message:
      "pool: a window of 3x3 and dilation 1x1 does not fit x[1, 2, 2, 1] with padding [0, 0, 0, 0]",
  });
});

describe("axes of 0, 1 and more", () => {
  test.each(Object.entries(OPS))("%s", async (name, [build, ...wrt]) => {
    const seen = { equal: 0, refused: 0 };
    const faults: string[] = [];
    for (const [i, sizes] of drawn(name).entries()) {
      let outcome;
      try {
        outcome = await bothPaths((make, g) => build(make, sizes, g), wrt, i);
      } catch (error) {
        faults.push(`${sizes.join()}: ${(error as Error).name} ${(error as Error).message}`);
        continue;
      }
      if (outcome.kind === "wrong") faults.push(`${sizes.join()}: ${outcome.message}`);
      else seen[outcome.kind]++;
      if (outcome.kind === "refused" && /NaN|undefined|Infinity/.test(outcome.message)) {
        faults.push(`${sizes.join()}: ${outcome.message}`);
      }
    }
    expect(faults).toEqual([]);
    expect(seen.equal).toBeGreaterThan(5);
  });
});
