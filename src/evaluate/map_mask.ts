// Maps that do not count everywhere: a teacher's mask leaves out the true depths under it.
import type { ImageSize } from "../data/camera.ts";
import type { GroundTruth } from "../data/rig_sample.ts";
import { isValidTruth, type DepthRange } from "./metrics.ts";

/** The truth of a moment where its maps count. */
export interface CountedTruth {
  readonly groundTruth: readonly GroundTruth[];
  /** True depths in range that the mask leaves out. */
  readonly masked_pixels: number;
}

/**
 * Leaves out each true depth whose pixel has its middle on a masked pixel. `counts` is `[V, h, w]` at
 * `size`, 0 where the maps do not count.
 */
export function countedTruth(
  truths: readonly GroundTruth[],
  counts: Uint8Array,
  size: ImageSize,
  range: DepthRange,
): CountedTruth {
  const plane = size.height * size.width;
  let masked_pixels = 0;
  const groundTruth = truths.map((truth, view) => {
    const own = counts.subarray(view * plane, (view + 1) * plane);
    const kept: number[] = [];
    truth.pixels.forEach((pixel, i) => {
      if (own[pixelUnder(pixel, truth, size)] > 0) kept.push(i);
      else if (isValidTruth(truth.depth_m[i], range)) masked_pixels++;
    });
    return {
      ...truth,
      pixels: Uint32Array.from(kept, (i) => truth.pixels[i]),
      depth_m: Float32Array.from(kept, (i) => truth.depth_m[i]),
    };
  });
  return { groundTruth, masked_pixels };
}

/** A mask `[h, w]` brought to another size: each pixel takes the value under its middle. */
export function resizedMask(mask: Uint8Array, from: ImageSize, to: ImageSize): Uint8Array {
  const result = new Uint8Array(to.height * to.width);
  for (let pixel = 0; pixel < result.length; pixel++)
    result[pixel] = mask[pixelUnder(pixel, to, from)];
  return result;
}

/** The pixel of `other` under the middle of a pixel of `own`. */
function pixelUnder(pixel: number, own: ImageSize, other: ImageSize): number {
  const row = Math.floor(pixel / own.width);
  const column = pixel % own.width;
  const y = Math.floor(((row + 0.5) * other.height) / own.height);
  const x = Math.floor(((column + 0.5) * other.width) / own.width);
  return y * other.width + x;
}
