// Building blocks that every student shares: convolution with its normalisation and non-linearity,
// residual blocks.
import type { Graph } from "../graph/graph.ts";
import { constant, heNormal } from "../graph/initializers.ts";
import { elu, relu } from "../graph/ops/activation.ts";
import { add } from "../graph/ops/arithmetic.ts";
import { conv2d } from "../graph/ops/conv2d.ts";
import { batchNorm, groupNorm } from "../graph/ops/norm.ts";
import { padReflect } from "../graph/ops/pad.ts";
import type { Value } from "../graph/value.ts";

/**
 * The graph being built, and whether it is for training (batch statistics) or for use (running
 * statistics).
 */
export interface Network {
  readonly g: Graph;
  readonly training: boolean;
}

/** The normalisation of activations after a convolution. */
export type Normalization = "batch" | "group" | "none";

/** The non-linearity after a convolution. */
export type NonLinearity = "relu" | "elu" | "none";

/** A convolution with its normalisation and non-linearity. */
export interface ConvolutionOptions {
  /** Side of the window, odd; 3 when left out. */
  readonly kernel?: number;
  readonly stride?: number;
  /** Reflected edges, as in the Monodepth2 decoder; zeros otherwise. */
  readonly reflect?: boolean;
  readonly normalization?: Normalization;
  /** Name of the normalisation; by default, that of the convolution plus `_norm`. */
  readonly normName?: string;
  readonly activation?: NonLinearity;
}

// ResNet's own (torchvision BatchNorm2d): eps 1e-5, running = 0.9 running + 0.1 batch.
const EPSILON = 1e-5;
const MOMENTUM = 0.1;
/** Channels of one group of a group norm. */
const GROUP_CHANNELS = 8;

/**
 * Convolution, normalisation, non-linearity. x [V,H,W,C] -> [V,H/stride,W/stride,O]. Its parameters
 * are `{name}.weight` [O,k,k,C] and, without a normalisation (which would cancel any bias),
 * `{name}.bias` [O].
 */
export function convolution(
  net: Network,
  name: string,
  x: Value,
  channels: number,
  options: ConvolutionOptions = {},
): Value {
  const {
    kernel = 3,
    stride = 1,
    reflect = false,
    normalization = "none",
    normName = `${name}_norm`,
    activation = "none",
  } = options;
  const { g } = net;
  const pad = (kernel - 1) / 2;
  const weight = g.parameter(`${name}.weight`, [channels, kernel, kernel, x.shape[3]], heNormal);
  const bias =
    normalization === "none" ? g.parameter(`${name}.bias`, [channels], constant(0), false) : null;
  const padded = reflect && pad > 0 ? padReflect(x, pad) : x;
  const y = conv2d(padded, weight, bias, { stride, pad: padded === x ? pad : 0 });
  return activate(normalize(net, normName, y, normalization), activation);
}

/**
 * Normalises channels; parameters `{name}.weight`, `{name}.bias`, states `{name}.running_mean`,
 * `…variance`.
 */
function normalize(net: Network, name: string, x: Value, normalization: Normalization): Value {
  if (normalization === "none") return x;
  const { g, training } = net;
  const channels = x.shape[3];
  const gamma = g.parameter(`${name}.weight`, [channels], constant(1), false);
  const beta = g.parameter(`${name}.bias`, [channels], constant(0), false);
  if (normalization === "group") {
    const groups = Math.max(1, Math.floor(channels / GROUP_CHANNELS));
    return groupNorm(x, gamma, beta, { groups, epsilon: EPSILON });
  }
  const mean = g.state(`${name}.running_mean`, [channels], 0);
  const variance = g.state(`${name}.running_variance`, [channels], 1);
  return batchNorm(
    { x, gamma, beta, running_mean: mean, running_variance: variance },
    {
      training,
      epsilon: EPSILON,
      momentum: MOMENTUM,
    },
  );
}

function activate(x: Value, activation: NonLinearity): Value {
  switch (activation) {
    case "relu":
      return relu(x);
    case "elu":
      return elu(x);
    case "none":
      return x;
    default:
      return activation satisfies never;
  }
}

/**
 * Two 3x3 convolutions around a shortcut, a 1x1 one where sizes differ (He et al. 2016, basic
 * block); names as torchvision's. x [V,H,W,C] -> [V,H/stride,W/stride,channels].
 */
export function basicBlock(
  net: Network,
  name: string,
  x: Value,
  channels: number,
  stride: number,
): Value {
  const normalized = (
    from: Value,
    part: string,
    norm: string,
    options: ConvolutionOptions,
  ): Value =>
    convolution(net, `${name}.${part}`, from, channels, {
      normalization: "batch",
      normName: `${name}.${norm}`,
      ...options,
    });
  const y = normalized(x, "conv1", "bn1", { stride, activation: "relu" });
  const z = normalized(y, "conv2", "bn2", {});
  const same = stride === 1 && x.shape[3] === channels;
  const shortcut = same ? x : normalized(x, "downsample.0", "downsample.1", { kernel: 1, stride });
  return relu(add(z, shortcut));
}
