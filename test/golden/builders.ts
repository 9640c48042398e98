// The engine's side of the golden cases: which function of the engine each operator of the vectors
// is.
import { binHead } from "../../src/bins/metric_bins.ts";
import { indexTeacher } from "../../src/distill/teacher_values.ts";
import { losses, weightName, type LossConfig, type LossTerm } from "../../src/distill/losses.ts";
import { elu, gelu, relu, sigmoid, softplus, tanh } from "../../src/graph/ops/activation.ts";
import { add } from "../../src/graph/ops/arithmetic.ts";
import { attention } from "../../src/graph/ops/attention.ts";
import {
  attractor,
  seedCenters,
  seedCentersBias,
  type CenterSeed,
  type CenterSpacing,
} from "../../src/graph/ops/bin_centers.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { binExpectation } from "../../src/graph/ops/bin_expectation.ts";
import { binKl } from "../../src/graph/ops/bin_kl.ts";
import { concat } from "../../src/graph/ops/concat.ts";
import { conv2d, type PerAxis } from "../../src/graph/ops/conv2d.ts";
import { conv2dTranspose } from "../../src/graph/ops/conv2d_transpose.ts";
import { matmul } from "../../src/graph/ops/gemm.ts";
import { logBinomial, logBinomialHead } from "../../src/graph/ops/log_binomial.ts";
import { maskedMean } from "../../src/graph/ops/masked_mean.ts";
import { batchNorm, groupNorm, layerNorm } from "../../src/graph/ops/norm.ts";
import { padReflect } from "../../src/graph/ops/pad.ts";
import { averagePool, maxPool } from "../../src/graph/ops/pool.ts";
import { resizeBilinear, resizeNearest } from "../../src/graph/ops/resize.ts";
import { silog } from "../../src/graph/ops/silog.ts";
import { softBins } from "../../src/graph/ops/soft_bins.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import {
  maskedPool,
  normalizeRows,
  viewRelation,
  viewRelationLoss,
} from "../../src/graph/ops/view_relation.ts";
import type { Value } from "../../src/graph/value.ts";
import { unetDecoder, type DecoderConfig } from "../../src/student/decoder.ts";
import { basicBlock } from "../../src/student/parts.ts";
import { distilledBins, trainingLossIn } from "./choice_builders.ts";
import type { GoldenBuilder } from "./golden_case.ts";

/** A builder of one output by one function of one input. */
function elementwise(act: (x: Value) => Value): GoldenBuilder {
  return ({ input }) => ({ outputs: { y: act(input("x")) } });
}

type ConvAttributes = {
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
};

type TransposeAttributes = {
  readonly stride: readonly [number, number];
  readonly pad: number;
  readonly output_padding: number;
  readonly dilation: PerAxis;
  readonly groups: number;
};

const layers: Readonly<Record<string, GoldenBuilder>> = {
  relu: elementwise(relu),
  elu: elementwise(elu),
  gelu: elementwise(gelu),
  sigmoid: elementwise(sigmoid),
  softplus: elementwise(softplus),
  tanh: elementwise(tanh),
  conv2d: (bench) => {
    const { stride, padding, dilation, groups } = bench.attributes as ConvAttributes;
    const options = { stride, pad: padding, dilation, groups };
    const y = conv2d(bench.input("x"), bench.input("weight"), bench.optional("bias"), options);
    return { outputs: { y } };
  },
  conv2d_transpose: (bench) => {
    const { output_padding, ...options } = bench.attributes as TransposeAttributes;
    const [x, weight, bias] = ["x", "weight", "bias"].map(bench.input);
    const y = conv2dTranspose(x, weight, bias, { ...options, outputPadding: output_padding });
    return { outputs: { y } };
  },
  matmul: (bench) => {
    const attributes = bench.attributes as { transpose_a: boolean; transpose_b: boolean };
    const y = matmul(bench.input("a"), bench.input("b"), {
      transposeA: attributes.transpose_a,
      transposeB: attributes.transpose_b,
      bias: bench.optional("bias"),
    });
    return { outputs: { y } };
  },
  attention: (bench) => {
    const { kv_heads, ...options } = bench.attributes as {
      heads: number;
      kv_heads: number;
      scale: number;
      causal: boolean;
      softcap: number;
    };
    const [q, k, v] = ["q", "k", "v"].map(bench.input);
    const mask = bench.optional("mask");
    return { outputs: { y: attention(q, k, v, { ...options, kvHeads: kv_heads, mask }) } };
  },
  batch_norm: (bench) => {
    const options = bench.attributes as { training: boolean; epsilon: number; momentum: number };
    const [x, gamma, beta] = ["x", "gamma", "beta"].map(bench.input);
    const [mean, variance] = ["running_mean", "running_variance"].map(bench.state);
    return {
      outputs: {
        y: batchNorm({ x, gamma, beta, running_mean: mean, running_variance: variance }, options),
      },
    };
  },
  group_norm: (bench) => {
    const options = bench.attributes as { groups: number; epsilon: number };
    const [x, gamma, beta] = ["x", "gamma", "beta"].map(bench.input);
    return { outputs: { y: groupNorm(x, gamma, beta, options) } };
  },
  layer_norm: (bench) => {
    const options = bench.attributes as { epsilon: number };
    const [x, gamma, beta] = ["x", "gamma", "beta"].map(bench.input);
    return { outputs: { y: layerNorm(x, gamma, beta, options) } };
  },
  max_pool: (bench) => {
    const options = bench.attributes as { window: number; stride: number; pad: number };
    return { outputs: { y: maxPool(bench.input("x"), options) } };
  },
  average_pool: (bench) => {
    const { count_padding, ...options } = bench.attributes as {
      window: number;
      stride: number;
      pad: number;
      count_padding: boolean;
    };
    return { outputs: { y: averagePool(bench.input("x"), options, count_padding) } };
  },
  resize_nearest: (bench) => {
    const { size } = bench.attributes as { size: readonly [number, number] };
    return { outputs: { y: resizeNearest(bench.input("x"), size) } };
  },
  resize_bilinear: (bench) => {
    const { size, corners } = bench.attributes as {
      size: readonly [number, number];
      corners: "half_pixel" | "align";
    };
    return { outputs: { y: resizeBilinear(bench.input("x"), size, corners) } };
  },
  pad_reflect: (bench) => {
    const { pad } = bench.attributes as { pad: number };
    return { outputs: { y: padReflect(bench.input("x"), pad) } };
  },
  concat: (bench) => {
    const { axis } = bench.attributes as { axis: number };
    return { outputs: { y: concat(["a", "b"].map(bench.input), axis) } };
  },
};

const bins: Readonly<Record<string, GoldenBuilder>> = {
  softmax_bins: (bench) => {
    const { temperature } = bench.attributes as { temperature: number };
    return { outputs: { probabilities: softmaxBins(bench.input("logits"), temperature) } };
  },
  bin_expectation: ({ input }) => ({
    outputs: {
      depth: binExpectation(input("probabilities"), input("centers"), input("scale")),
    },
  }),
  bin_decode: ({ input, optional }) => ({
    outputs: { depth: binDecode(input("logits"), input("centers"), optional("scale")) },
  }),
  soft_bins: (bench) => ({
    outputs: { logits: softBins(bench.input("relative"), bench.attributes as { bins: number }) },
  }),
  log_binomial: (bench) => ({
    outputs: {
      logits: logBinomial(
        bench.input("pi"),
        bench.input("t"),
        bench.attributes as { bins: number },
      ),
    },
  }),
  log_binomial_head: (bench) => ({
    outputs: {
      ...logBinomialHead(
        bench.input("pairs"),
        bench.attributes as { t_min: number; t_max: number },
      ),
    },
  }),
  pairs_to_depth: (bench) => {
    const { bins: count, ...range } = bench.attributes as {
      bins: number;
      t_min: number;
      t_max: number;
    };
    const { pi, t } = logBinomialHead(bench.input("pairs"), range);
    const logits = logBinomial(pi, t, { bins: count });
    return { outputs: { depth: binDecode(logits, bench.input("centers")), logits } };
  },
  attractor: (bench) => {
    const attributes = bench.attributes as {
      alpha: number;
      kind: "inverse" | "exponential";
      gamma: number;
    };
    return {
      outputs: { y: attractor(bench.input("centers"), bench.input("attractors"), attributes) },
    };
  },
  seed_centers: (bench) => {
    const { seed, depth_max_m } = bench.attributes as { seed: CenterSeed; depth_max_m: number };
    return { outputs: { centers: seedCenters(bench.input("raw"), seed, depth_max_m) } };
  },
  seed_centers_start: (bench) => {
    const {
      bins: count,
      seed,
      spacing = "log",
      depth_max_m,
    } = bench.attributes as {
      bins: number;
      seed: CenterSeed;
      spacing?: CenterSpacing;
      depth_max_m: number;
    };
    const bias = seedCentersBias({ bins: count, seed, spacing, depth_max_m });
    const raw = add(bench.input("zero"), bench.g.constant("bias", [count], bias));
    return { outputs: { centers: seedCenters(raw, seed, depth_max_m) } };
  },
};

const lossBuilders: Readonly<Record<string, GoldenBuilder>> = {
  silog: (bench) => {
    const attributes = bench.attributes as { variance_focus: number; scale: number };
    const [depth, depth_m, valid] = ["depth", "depth_m", "valid"].map(bench.input);
    return { outputs: { loss: silog(depth, depth_m, valid, attributes).loss } };
  },
  masked_mean: ({ input }) => ({
    outputs: { mean: maskedMean(input("x"), input("mask")).mean },
  }),
  bin_kl: (bench) => {
    const attributes = bench.attributes as { temperature: number };
    const [student, teacher, usable] = ["student", "teacher", "usable"].map(bench.input);
    return { outputs: { loss: binKl(student, teacher, usable, attributes) } };
  },
  cross_term: ({ input }) => {
    const depth = binDecode(input("teacher"), input("centers"), input("scale"));
    return { outputs: { loss: silog(depth, input("depth_m"), input("valid")).loss } };
  },
  masked_pool: (bench) => {
    const attributes = bench.attributes as { grid: readonly [number, number] };
    return { outputs: { y: maskedPool(bench.input("x"), bench.input("usable"), attributes) } };
  },
  normalize_rows: elementwise(normalizeRows),
  view_relation: ({ input }) => ({ outputs: { relation: viewRelation(input("tokens")) } }),
  relation_of_tokens: ({ input }) => {
    const [student, teacher] = ["student", "teacher"].map((name) =>
      viewRelation(normalizeRows(input(name))),
    );
    return { outputs: { loss: viewRelationLoss(student, teacher) } };
  },
  total_loss: (bench) => {
    const { grid, temperature, weights } = bench.attributes as {
      grid: readonly [number, number];
      temperature: number;
      weights: Readonly<Record<LossTerm, number>>;
    };
    const [logits, centers, embedding, scale_m, teacher] = [
      "logits",
      "centers",
      "embedding",
      "scale_m",
      "teacher",
    ].map(bench.input);
    const [depth_m, valid, usable] = ["depth_m", "valid", "usable"].map(bench.input);
    const config: LossConfig = {
      ckd: true,
      supervised: "silog",
      silog_lambda: 0.85,
      kl_domain: "usable",
      cross_term: "silog",
      relation: "cosine",
      relation_form: "fused",
      bins_form: "fused",
      temperature,
      relation_grid: grid,
      relation_temperature: 0.1,
    };
    const output = {
      logits,
      binomial: null,
      centers,
      embedding,
      scale_m,
      depth_m: binDecode(logits, centers, scale_m),
    };
    const { total, terms } = losses(
      bench.g,
      output,
      { depth_m, valid, usable, teacher: indexTeacher(teacher) },
      config,
    );
    const scalars = Object.entries(weights).map(([term, weight]) => [
      weightName(term as LossTerm),
      weight,
    ]);
    return { outputs: { total, ...terms }, scalars: Object.fromEntries(scalars) };
  },
};

const networks: Readonly<Record<string, GoldenBuilder>> = {
  basic_block: (bench) => {
    const { channels, stride } = bench.attributes as { channels: number; stride: number };
    const net = { g: bench.g, training: true };
    return { outputs: { y: basicBlock(net, "block", bench.input("x"), channels, stride) } };
  },
  unet_decoder: (bench) => {
    const { channels } = bench.attributes as { channels: DecoderConfig["channels"] };
    const net = { g: bench.g, training: true };
    const features = [1, 2, 3, 4, 5].map((level) => bench.input(`feature${level}`));
    const convolution = { reflect: true, activation: "elu" } as const;
    const decoded = unetDecoder(net, features, { channels, convolution });
    const named = decoded.map((value, i) => [`decoded${i + 1}`, value]);
    return { outputs: Object.fromEntries(named) };
  },
  metric_bins: (bench) => {
    const config = bench.attributes as {
      bins: number;
      embedding: number;
      hidden: number;
      attractors: readonly number[];
      depth_max_m: number;
    };
    const decoded = config.attractors.map((_, i) => bench.input(`decoded${i + 1}`));
    const head = { ...config, kind: "metric_bins", seed: "cumulative", spacing: "log" } as const;
    const { logits, centers, embedding } = binHead(
      bench.g,
      head,
      bench.input("bottleneck"),
      decoded,
    );
    return { outputs: { logits, centers, embedding } };
  },
};

/** Every operator of the vectors that is one run of one graph. */
export const BUILDERS: Readonly<Record<string, GoldenBuilder>> = {
  ...layers,
  ...bins,
  ...lossBuilders,
  training_loss: trainingLossIn("fused"),
  distilled_bins: distilledBins,
  ...networks,
};
