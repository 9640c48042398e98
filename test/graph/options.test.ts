// Options and kinds at run time, for programs that no type checker sees: a misspelt one is refused
// with the known names, in every op that has any.
import { expect, test } from "vitest";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { adamw, gradNorm } from "../../src/graph/ops/adamw.ts";
import { binary } from "../../src/graph/ops/arithmetic.ts";
import { attention } from "../../src/graph/ops/attention.ts";
import { attractor } from "../../src/graph/ops/bin_centers.ts";
import { binDistill, binDistillBinomial } from "../../src/graph/ops/bin_distill.ts";
import { packBinomial } from "../../src/graph/ops/binomial_pack.ts";
import { binKl } from "../../src/graph/ops/bin_kl.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { conv2dTranspose } from "../../src/graph/ops/conv2d_transpose.ts";
import { matmul } from "../../src/graph/ops/gemm.ts";
import { logBinomial, logBinomialHead } from "../../src/graph/ops/log_binomial.ts";
import { batchNorm, groupNorm, layerNorm } from "../../src/graph/ops/norm.ts";
import { pad } from "../../src/graph/ops/pad.ts";
import { averagePool, maxPool } from "../../src/graph/ops/pool.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { resizeBilinear, resizeNearest } from "../../src/graph/ops/resize.ts";
import { depthError } from "../../src/graph/ops/depth_error.ts";
import { silog } from "../../src/graph/ops/silog.ts";
import { softBins } from "../../src/graph/ops/soft_bins.ts";
import { unary } from "../../src/graph/ops/unary.ts";
import { maskedPool } from "../../src/graph/ops/view_relation.ts";
import type { Value } from "../../src/graph/value.ts";
import { InputError } from "../../src/tensor/error.ts";

/** An op, given options; `x` makes inputs of four axes of 1. */
type Call = (x: () => Value, options: never, g: Graph) => unknown;

const OPTIONS: Record<string, readonly [right: object, call: Call]> = {
  conv2d: [{ stride: 1 }, (x, o) => conv2d(x(), x(), null, o)],
  conv2dTranspose: [{ outputPadding: 0 }, (x, o) => conv2dTranspose(x(), x(), null, o)],
  maxPool: [{ window: 1 }, (x, o) => maxPool(x(), o)],
  averagePool: [{ window: 1, ceil: false }, (x, o) => averagePool(x(), o)],
  attention: [
    { heads: 1 },
    (_, o, g) =>
      attention(...([0, 1, 2].map((i) => g.input(`q${i}`, [1, 1, 1])) as [Value, Value, Value]), o),
  ],
  matmul: [{ transposeA: false }, (x, o) => matmul(x(), x(), o)],
  reduce: [{ keep: true }, (x, o) => reduce(x(), "sum", o)],
  batchNorm: [
    { training: true, epsilon: 1e-5, momentum: 0.1 },
    (x, o, g) =>
      batchNorm(
        {
          x: x(),
          gamma: g.input("g", [1]),
          beta: g.input("b", [1]),
          running_mean: g.state("m", [1], 0),
          running_variance: g.state("v", [1], 1),
        },
        o,
      ),
  ],
  groupNorm: [
    { groups: 1, epsilon: 1e-5 },
    (x, o, g) => groupNorm(x(), g.input("g", [1]), g.input("b", [1]), o),
  ],
  layerNorm: [
    { epsilon: 1e-5 },
    (x, o, g) => layerNorm(x(), g.input("g", [1]), g.input("b", [1]), o),
  ],
  gradNorm: [{ max_norm: 1 }, (x, o) => gradNorm(x(), o)],
  adamw: [
    { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0 },
    (_, o, g) => adamw(g, gradNorm(g.arena("gradients"), { max_norm: 1 }), o),
  ],
  maskedPool: [{ grid: [1, 1] }, (x, o) => maskedPool(x(), x(), o)],
  softBins: [{ bins: 2 }, (x, o) => softBins(x(), o)],
  logBinomial: [{ bins: 2 }, (x, o) => logBinomial(x(), x(), o)],
  packBinomial: [{ bins: 2 }, (x, o) => packBinomial(x(), x(), o)],
  logBinomialHead: [
    { t_min: 0.1, t_max: 1 },
    (_, o, g) => logBinomialHead(g.input("pairs", [1, 1, 1, 4]), o),
  ],
  attractor: [{ alpha: 1, kind: "inverse", gamma: 2 }, (x, o) => attractor(x(), x(), o)],
  binKl: [{ temperature: 1 }, (x, o) => binKl(x(), x(), x(), o)],
  binDistill: [
    { teacher: "logits" },
    (x, o) => binDistill({ student: x(), teacher: x(), centers: x() }, o),
  ],
  binDistillBinomial: [
    { teacher: "relative" },
    (x, o) => binDistillBinomial({ pi: x(), t: x(), teacher: x(), centers: x() }, o),
  ],
  depthError: [{ form: "berhu", scale: 0.1 }, (x, o) => depthError(x(), x(), x(), o)],
  silog: [{ variance_focus: 0.85, scale: 10 }, (x, o) => silog(x(), x(), x(), o)],
};

function called(call: Call, options: unknown): () => unknown {
  return () => {
    const g = graph();
    const x = (): Value => g.input(`x${g.inputs.length}`, [1, 1, 1, 1]);
    return call(x, options as never, g);
  };
}

test.each(Object.entries(OPTIONS))("%s", (_, [right, call]) => {
  const names = Object.keys(right);
  expect(called(call, right)).not.toThrow();
  expect(called(call, { ...right, strides: 2 })).toThrow(InputError);
  expect(called(call, { ...right, strides: 2 })).toThrow(
    new RegExp(`^\\w+: unknown option strides; it has .*\\b${names[0]}\\b`),
  );
  for (const name of names) {
    for (const wrong of [Number.NaN, "many", null]) {
      expect(called(call, { ...right, [name]: wrong }), `${name}: ${wrong}`).toThrow(InputError);
    }
  }
  expect(called(call, null)).toThrow(/: expected options, was given null$/);
});

test.each<[string, Call, RegExp]>([
  [
    "reduce",
    (x) => reduce(x(), "average" as never),
    /^reduce: kind is average; expected sum, mean, /,
  ],
  ["binary", (x) => binary(x(), x(), "plus" as never), /^binary: kind is plus; expected add, /],
  ["unary", (x) => unary(x(), "relu" as never), /^unary: kind is relu; expected /],
  ["pad", (x) => pad(x(), [[0, 0]], "zeros" as never), /^pad: mode is zeros; expected constant, /],
  [
    "resizeNearest",
    (x) => resizeNearest(x(), [1, 1], "corner" as never),
    /^resizeNearest: corners is corner; expected half_pixel, /,
  ],
  [
    "resizeNearest",
    (x) => resizeNearest(x(), [1, 1], "align", "even" as never),
    /^resizeNearest: rounding is even/,
  ],
  [
    "resizeBilinear",
    (x) => resizeBilinear(x(), [1, 1], undefined as never),
    /^resizeBilinear: corners is undefined/,
  ],
])("a kind that %s does not know", (_, call, message) => {
  expect(called(call, {})).toThrow(message);
});
