// Encoders: images in, features at 1/2, 1/4, 1/8, 1/16 and 1/32 of their size out. Shared over
// views.
import { add } from "../graph/ops/arithmetic.ts";
import { maxPool } from "../graph/ops/pool.ts";
import type { Value } from "../graph/value.ts";
import { basicBlock, convolution, type Network } from "./parts.ts";

/**
 * Channels of the five features of `nano`: 82 MMAC per view at 96x160 with decoder and head.
 */
export const NANO_CHANNELS = [16, 24, 40, 64, 80] as const;
/** The shape of a residual network of basic blocks (He et al. 2016, table 1). */
export interface Resnet {
  readonly name: string;
  /** Channels of the four stages; the stem has those of the first. */
  readonly channels: readonly number[];
  /** Basic blocks of each stage. */
  readonly blocks: readonly number[];
}

const CHANNELS = [64, 128, 256, 512];
/** The residual encoders that have ImageNet weights, by the names of their students. */
export const RESNETS: Readonly<Record<"resnet18" | "resnet34", Resnet>> = {
  resnet18: { name: "resnet18", channels: CHANNELS, blocks: [2, 2, 2, 2] },
  resnet34: { name: "resnet34", channels: CHANNELS, blocks: [3, 4, 6, 3] },
};

/** Five features, fine to coarse. images [V,H,W,4] -> [V,H/2,W/2,C1] … [V,H/32,W/32,C5]. */
export function nanoEncoder(net: Network, images: Value): Value[] {
  const features: Value[] = [];
  let x = images;
  NANO_CHANNELS.forEach((channels, level) => {
    const name = `encoder.${level + 1}`;
    x = convolution(net, `${name}.down`, x, channels, {
      stride: 2,
      normalization: "group",
      activation: "relu",
    });
    if (level > 0) {
      const inner = convolution(net, `${name}.mix`, x, channels, {
        normalization: "group",
        activation: "relu",
      });
      x = add(x, inner);
    }
    features.push(x);
  });
  return features;
}

/**
 * A residual network without its classifier (He et al. 2016), parameters by torchvision's names under
 * `encoder.`: five features, fine to coarse. images [V,H,W,4] -> [V,H/2,W/2,C1], [V,H/4,W/4,C1] …
 * [V,H/32,W/32,C4].
 */
export function resnetEncoder(net: Network, images: Value, { channels, blocks }: Resnet): Value[] {
  let x = convolution(net, "encoder.conv1", images, channels[0], {
    kernel: 7,
    stride: 2,
    normalization: "batch",
    normName: "encoder.bn1",
    activation: "relu",
  });
  const features = [x];
  x = maxPool(x, { window: 3, stride: 2, pad: 1 });
  channels.forEach((width, stage) => {
    for (let block = 0; block < blocks[stage]; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      x = basicBlock(net, `encoder.layer${stage + 1}.${block}`, x, width, stride);
    }
    features.push(x);
  });
  return features;
}
