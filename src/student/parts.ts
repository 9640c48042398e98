// Building blocks that every student shares: convolution with its normalisation and non-linearity, residual blocks.
import type { Graph } from "../graph/graph.ts";
import { constant, heNormal } from "../graph/initializers.ts";
import { elu, relu } from "../graph/ops/activation.ts";
import { add } from "../graph/ops/arithmetic.ts";
import { conv2d } from "../graph/ops/conv2d.ts";
import { batchNorm, groupNorm } from "../graph/ops/norm.ts";
import { padReflect } from "../graph/ops/pad.ts";
import type { Value } from "../graph/value.ts";

/** The graph being built, and whether it is for training (batch statistics) or for use (running statistics). */
export interface Network {
  readonly g: Graph;
  readonly training: boolean;
}

/** How activations are normalised after a convolution. */
export type Normalization = "batch" | "group" | "none";

/** A convolution and what follows it. */
export interface ConvolutionOptions {
  readonly kernel?: number;
  readonly stride?: number;
  /** Reflected edges, as the Monodepth2 decoder has them; zeros otherwise. */
  readonly reflect?: boolean;
  readonly normalization?: Normalization;
  readonly activation?: "relu" | "elu" | "none";
}

// ResNet's own (torchvision BatchNorm2d): eps 1e-5, running = 0.9 running + 0.1 batch.
const EPSILON = 1e-5;
const MOMENTUM = 0.1;
/** Channels of one group of a group norm. */
const GROUP_CHANNELS = 8;

/**
 * Convolution, normalisation, non-linearity. x [V,H,W,C] -> [V,H/stride,W/stride,O]. Its parameters are
 * `{name}.weight` [O,k,k,C] and, where nothing normalises (a norm takes any bias away), `{name}.bias` [O].
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
    activation = "none",
  } = options;
  const { g } = net;
  const pad = (kernel - 1) / 2;
  const weight = g.parameter(`${name}.weight`, [channels, kernel, kernel, x.shape[3]], heNormal);
  const bias =
    normalization === "none" ? g.parameter(`${name}.bias`, [channels], constant(0), false) : null;
  const padded = reflect && pad > 0 ? padReflect(x, pad) : x;
  const y = conv2d(padded, weight, bias, { stride, pad: padded === x ? pad : 0 });
  return activate(normalize(net, `${name}_norm`, y, normalization), activation);
}

/** Normalises channels; parameters `{name}.weight`, `{name}.bias`, states `{name}.running_mean`, `…variance`. */
export function normalize(
  net: Network,
  name: string,
  x: Value,
  normalization: Normalization,
): Value {
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
  return batchNorm(x, gamma, beta, mean, variance, {
    training,
    epsilon: EPSILON,
    momentum: MOMENTUM,
  });
}

function activate(x: Value, activation: "relu" | "elu" | "none"): Value {
  return activation === "relu" ? relu(x) : activation === "elu" ? elu(x) : x;
}

/** Two 3x3 convolutions around a shortcut (He et al. 2016, basic block); names as torchvision's. */
export function basicBlock(
  net: Network,
  name: string,
  x: Value,
  channels: number,
  stride: number,
): Value {
  const named = (part: string): string => `${name}.${part}`;
  const y = convolutionNamed(net, named("conv1"), named("bn1"), x, channels, 3, stride, "relu");
  const z = convolutionNamed(net, named("conv2"), named("bn2"), y, channels, 3, 1, "none");
  const shortcut =
    stride === 1 && x.shape[3] === channels
      ? x
      : convolutionNamed(
          net,
          named("downsample.0"),
          named("downsample.1"),
          x,
          channels,
          1,
          stride,
          "none",
        );
  return relu(add(z, shortcut));
}

/** Convolution without bias and batch norm under names of their own, as ResNet has them. */
export function convolutionNamed(
  net: Network,
  name: string,
  normName: string,
  x: Value,
  channels: number,
  kernel: number,
  stride: number,
  activation: "relu" | "none",
): Value {
  const weight = net.g.parameter(
    `${name}.weight`,
    [channels, kernel, kernel, x.shape[3]],
    heNormal,
  );
  const y = conv2d(x, weight, null, { stride, pad: (kernel - 1) / 2 });
  return activate(normalize(net, normName, y, "batch"), activation);
}
