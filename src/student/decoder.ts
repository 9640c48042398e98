// The U-Net decoder of Monodepth2 (Godard et al. 2019) up to half resolution: the head does not
// need a finer stage.
import { concat } from "../graph/ops/concat.ts";
import { resizeNearest } from "../graph/ops/resize.ts";
import type { Value } from "../graph/value.ts";
import { convolution, type ConvolutionOptions, type Network } from "./parts.ts";

/** Channels of the stages, coarse to fine, and what follows their convolutions. */
export interface DecoderConfig {
  readonly channels: readonly [number, number, number, number];
  readonly convolution: ConvolutionOptions;
}

/**
 * Upsamples by nearest neighbour, stage by stage, joining the encoder's features. features fine to
 * coarse [V,H/2,W/2,C1] … [V,H/32,W/32,C5] -> decoded coarse to fine [V,H/16,…] … [V,H/2,W/2,O4].
 */
export function unetDecoder(
  net: Network,
  features: readonly Value[],
  config: DecoderConfig,
): Value[] {
  const decoded: Value[] = [];
  let x = features.at(-1)!;
  config.channels.forEach((channels, stage) => {
    const name = `decoder.${stage + 1}`;
    const skip = features[features.length - 2 - stage];
    x = convolution(net, `${name}.before`, x, channels, config.convolution);
    x = resizeNearest(x, [skip.shape[1], skip.shape[2]]);
    x = convolution(net, `${name}.after`, concat([x, skip], 3), channels, config.convolution);
    decoded.push(x);
  });
  return decoded;
}
