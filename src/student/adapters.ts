// Adapters between a student and the bin head of another network: 1x1 convolutions that give its
// features the widths that the head expects.
import type { Graph } from "../graph/graph.ts";
import { constant, scaledNormal } from "../graph/initializers.ts";
import { sigmoid } from "../graph/ops/activation.ts";
import { conv2d } from "../graph/ops/conv2d.ts";
import type { Value } from "../graph/value.ts";

/** Channels of the features that a head expects. */
export interface FeatureWidths {
  readonly bottleneck: number;
  /** Of each decoder level, coarse to fine. */
  readonly decoded: readonly number[];
}

/**
 * Features of the widths of another network; a feature that has its width already stays as it is.
 * bottleneck [V,h0,w0,C0], decoded coarse to fine [V,hi,wi,Ci] -> the same with the other widths, and
 * a relative depth [V,h,w,1] in [0, 1] from the finest feature.
 */
export function adaptedFeatures(
  g: Graph,
  widths: FeatureWidths,
  bottleneck: Value,
  decoded: readonly Value[],
): { readonly bottleneck: Value; readonly decoded: readonly Value[]; readonly relative: Value } {
  const fitted = (name: string, x: Value, channels: number): Value =>
    x.shape[3] === channels ? x : adapter(g, name, x, channels, 1);
  return {
    bottleneck: fitted("bottleneck", bottleneck, widths.bottleneck),
    decoded: decoded.map((x, level) => fitted(`level${level + 1}`, x, widths.decoded[level])),
    // Small weights: every pixel starts in the middle of the range.
    relative: sigmoid(adapter(g, "relative", decoded.at(-1)!, 1, 0.1)),
  };
}

/** A 1x1 convolution `adapter.{name}` with weights of deviation `gain` / sqrt(C). */
function adapter(g: Graph, name: string, x: Value, channels: number, gain: number): Value {
  const shape = [channels, 1, 1, x.shape[3]];
  const weight = g.parameter(`adapter.${name}.weight`, shape, scaledNormal(gain));
  const bias = g.parameter(`adapter.${name}.bias`, [channels], constant(0), false);
  return conv2d(x, weight, bias, {});
}
