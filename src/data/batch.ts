// A rig sample as network input: one batch is one moment, and its V views are the batch axis.
import { jitterColors, type ColorJitter } from "./augmentation.ts";
import type { Camera } from "./camera.ts";
import type { DepthProtocol } from "./data_source.ts";
import { checkedSample, sampleShape, type RigSample } from "./rig_sample.ts";

/** The inputs of one step, f32, row-major, keyed like the inputs of the graph. */
export interface Batch {
  /** `[V, H, W, 4]` RGB normalised as (x - 0.45) / 0.225, the fourth channel 0. */
  readonly images: Float32Array;
  /** `[V, H, W, 1]` sparse depth in metres, 0 = none. */
  readonly depth_m: Float32Array;
  /**
   * `[V, H, W, 1]` 1 where a depth in range belongs to a usable pixel: supervised and cross terms.
   */
  readonly valid: Float32Array;
  /** `[V, H, W, 1]` 1 where the pixel shows the world, depth or not: the probability term. */
  readonly usable: Float32Array;
  /** `[V]` factor of the bin centres, (fx / W) / (f0 / 640), independent of the resolution. */
  readonly focal_scale: Float32Array;
}

/** Normalisation of channels in [0, 1] to inputs: (x - mean) / deviation. */
export interface ImageNormalization {
  readonly mean: number;
  readonly deviation: number;
}

/** The normalisation of ResnetEncoder in the SurroundDepth lineage (not ImageNet's). */
export const NORMALIZATION: ImageNormalization = { mean: 0.45, deviation: 0.225 };

/**
 * The settings that turn a sample into network inputs. A new run takes it from its data source; a
 * trained student keeps it, so that its metres do not depend on the source.
 */
export interface InputScale {
  readonly protocol: DepthProtocol;
  /** Focal length in pixels of a 640-pixel-wide image at which the focal scale is 1. */
  readonly focalReference_px: number;
  /** By default, that of new runs. */
  readonly normalization?: ImageNormalization;
}

/** Factor of the bin centres of a camera: (fx / W) / (f0 / 640), free of the resolution. */
export function focalScale({ fx, width }: Camera, focalReference_px: number): number {
  return fx / width / (focalReference_px / 640);
}

/**
 * The batch of a sample; `jitter` (null for none) changes the colours of all views alike. Throws
 * InputError for a sample that `checkedSample` refuses.
 */
export function makeBatch(sample: RigSample, scale: InputScale, jitter: ColorJitter | null): Batch {
  const [views, height, width] = sampleShape(checkedSample(sample));
  const { mean, deviation } = scale.normalization ?? NORMALIZATION;
  const pixels = views * height * width;
  const rgb = new Float32Array(sample.images.length);
  for (let i = 0; i < rgb.length; i++) rgb[i] = sample.images[i] / 255;
  if (jitter) jitterColors(rgb, views, jitter);
  const images = new Float32Array(pixels * 4);
  for (let pixel = 0; pixel < pixels; pixel++) {
    images[pixel * 4] = (rgb[pixel * 3] - mean) / deviation;
    images[pixel * 4 + 1] = (rgb[pixel * 3 + 1] - mean) / deviation;
    images[pixel * 4 + 2] = (rgb[pixel * 3 + 2] - mean) / deviation;
  }
  const { min_m, cap_m } = scale.protocol;
  const valid = sample.sparse_depth_m.map((depth_m, pixel) =>
    sample.usable[pixel] === 1 && depth_m > min_m && depth_m < cap_m ? 1 : 0,
  );
  return {
    images,
    depth_m: sample.sparse_depth_m,
    valid,
    usable: new Float32Array(sample.usable),
    focal_scale: Float32Array.from(sample.cameras, (camera) =>
      focalScale(camera, scale.focalReference_px),
    ),
  };
}
