// The metric-bins head (ZoeDepth, Bhat et al. 2023, section 3; src/distill/README.md): probabilities
// over depth bins by a conditional log-binomial, bin centres seeded at the coarsest feature and pulled
// by attractors on the way up. Shared by student and teacher. Nothing here stores probabilities:
// depth is decoded from logits and centres.
import type { Graph } from "../graph/graph.ts";
import { constant, given, heNormal, scaledNormal } from "../graph/initializers.ts";
import { gelu, relu, softplus } from "../graph/ops/activation.ts";
import { add } from "../graph/ops/arithmetic.ts";
import {
  attractor,
  seedCenters,
  seedCentersBias,
  type CenterSeed,
  type CenterSpacing,
} from "../graph/ops/bin_centers.ts";
import { concat } from "../graph/ops/concat.ts";
import { conv2d } from "../graph/ops/conv2d.ts";
import { logBinomial, logBinomialHead } from "../graph/ops/log_binomial.ts";
import { reduce } from "../graph/ops/reduce.ts";
import { resizeBilinear } from "../graph/ops/resize.ts";
import type { Initializer, Value } from "../graph/value.ts";
import type { LogBinomialHeadAttributes } from "../kernels/depth_bins/log_binomial.ts";

/** Sizes and choices of the head. */
export interface BinHeadConfig {
  /**
   * `metric_bins`: log-binomial probabilities, attracted centres per pixel. `softmax_bins`: plain
   * logits, centres per image.
   */
  readonly kind: "metric_bins" | "softmax_bins";
  /** K. */
  readonly bins: number;
  /** E, width of the bin embedding. */
  readonly embedding: number;
  /** Width of the hidden layers of projectors and attractors. */
  readonly hidden: number;
  /** Attractors of each decoder level, coarse to fine. */
  readonly attractors: readonly number[];
  readonly seed: CenterSeed;
  /** Spacing of the centres before the first step. */
  readonly spacing: CenterSpacing;
  /** Depth in metres of a centre of 1: the unit of the centres. */
  readonly depth_max_m: number;
  /** Whether the head keeps its parameters while the features below it are trained. */
  readonly frozen?: boolean;
}

/** The output of every head: one interface for all losses. */
export interface BinOutput {
  /** `[V, h, w, K]` logits over bins (log-binomial: y / t). */
  readonly logits: Value;
  /**
   * `[V, h, w, 1]` each: the parameters from which a log-binomial's logits follow; null for plain
   * logits.
   */
  readonly binomial: { readonly pi: Value; readonly t: Value } | null;
  /**
   * Centres in units of depth_max, ascending: `[V, h, w, K]` per pixel or `[V, 1, 1, K]` per image.
   */
  readonly centers: Value;
  /** `[V, h, w, E]` bin embedding at the finest level. */
  readonly embedding: Value;
}

// ZoeDepth's configuration (config_zoedepth.json).
const ATTRACTION = { alpha: 1000, kind: "inverse", gamma: 2 } as const;
/** Range of the log-binomial head's temperature. */
export const TEMPERATURE: LogBinomialHeadAttributes = { t_min: 0.0212, t_max: 50 };
// Outputs (a1, a2, b1, b2) start at pi = 1/2 and, since softplus(-2.5) : softplus(0.5) is 0.075, at
// t = 3.7: bins spread by 7 around the middle. At t = 25, where zero biases start, they spread by
// 15, and no pixel can distinguish near from far until t has fallen.
const BINOMIAL_BIAS: Float32Array = Float32Array.of(0, 0, -2.5, 0.5);

/**
 * Applies the head named by `config.kind`. bottleneck [V,h0,w0,C0], decoded coarse to fine
 * [V,hi,wi,Ci] -> bins at the size of the last. `relative`, a relative depth [V,h,w,1] at that size,
 * joins the features of the logits, as in ZoeDepth. Throws unless there are attractors for each
 * decoded level.
 */
export function binHead(
  g: Graph,
  config: BinHeadConfig,
  bottleneck: Value,
  decoded: readonly Value[],
  relative: Value | null = null,
): BinOutput {
  if (config.attractors.length !== decoded.length) {
    throw new Error(
      `the head has ${config.attractors.length} levels of attractors, the decoder ${decoded.length} features`,
    );
  }
  const { frozen = false } = config;
  const own: Declares = {
    parameter: (name, shape, initial, decays) => g.parameter(name, shape, initial, decays, frozen),
  };
  return config.kind === "metric_bins"
    ? metricBins(own, config, bottleneck, decoded, relative)
    : softmaxBins(own, config, bottleneck, decoded);
}

/** The part of a graph that the head needs. */
type Declares = Pick<Graph, "parameter">;

function metricBins(
  g: Declares,
  config: BinHeadConfig,
  bottleneck: Value,
  decoded: readonly Value[],
  relative: Value | null,
): BinOutput {
  const { bins, embedding, hidden } = config;
  const x = pointwise(g, "head.bottleneck", bottleneck, bottleneck.shape[3]);
  let centers = seeds(g, config, x);
  let e = projector(g, "head.seed_projector", x, hidden, embedding);
  decoded.forEach((feature, level) => {
    const name = `head.level${level + 1}`;
    const size = [feature.shape[1], feature.shape[2]] as const;
    const projected = projector(g, `${name}.projector`, feature, hidden, embedding);
    const z = add(projected, resizeBilinear(e, size, "align"));
    const inner = relu(pointwise(g, `${name}.attractor.0`, z, hidden));
    const attractors = softplus(
      pointwise(g, `${name}.attractor.1`, inner, config.attractors[level], scaledNormal(0.1)),
    );
    centers = attractor(resizeBilinear(centers, size, "align"), attractors, ATTRACTION);
    e = projected;
  });
  const last = decoded.at(-1)!;
  const joined = concat(relative === null ? [last, e] : [last, relative, e], 3);
  const inner = gelu(pointwise(g, "head.binomial.0", joined, Math.floor(joined.shape[3] / 2)));
  const pairs = softplus(
    pointwise(g, "head.binomial.1", inner, 4, scaledNormal(0.1), given(BINOMIAL_BIAS)),
  );
  const { pi, t } = logBinomialHead(pairs, TEMPERATURE);
  return { logits: logBinomial(pi, t, { bins }), binomial: { pi, t }, centers, embedding: e };
}

/** The plain alternative: unconstrained logits per pixel and one set of centres per image. */
function softmaxBins(
  g: Declares,
  config: BinHeadConfig,
  bottleneck: Value,
  decoded: readonly Value[],
): BinOutput {
  const x = pointwise(g, "head.bottleneck", bottleneck, bottleneck.shape[3]);
  const pooled = reduce(x, "mean", { axes: [1, 2], keep: true });
  const e = projector(g, "head.projector", decoded.at(-1)!, config.hidden, config.embedding);
  const logits = pointwise(g, "head.logits", relu(e), config.bins, scaledNormal(1));
  return { logits, binomial: null, centers: seeds(g, config, pooled), embedding: e };
}

/**
 * Seed centres. The weights of the last layer are small at the start, so that its bias gives the
 * spacing.
 */
function seeds(g: Declares, config: BinHeadConfig, x: Value): Value {
  const inner = relu(pointwise(g, "head.seed.0", x, config.hidden));
  const bias = seedCentersBias(config);
  const raw = pointwise(g, "head.seed.1", inner, bias.length, scaledNormal(0.01), given(bias));
  return seedCenters(raw, config.seed, config.depth_max_m);
}

/** Two 1x1 convolutions with a ReLU between. */
function projector(g: Declares, name: string, x: Value, hidden: number, channels: number): Value {
  return pointwise(g, `${name}.1`, relu(pointwise(g, `${name}.0`, x, hidden)), channels);
}

/** A 1x1 convolution. x [V,h,w,C] -> [V,h,w,O]. */
function pointwise(
  g: Declares,
  name: string,
  x: Value,
  channels: number,
  initial: Initializer = heNormal,
  initialBias: Initializer = constant(0),
): Value {
  const weight = g.parameter(`${name}.weight`, [channels, 1, 1, x.shape[3]], initial);
  const bias = g.parameter(`${name}.bias`, [channels], initialBias, false);
  return conv2d(x, weight, bias, {});
}
