// Predicted and true depths of one view, paired as a protocol compares them.
import type { ImageSize } from "../data/camera.ts";
import type { GroundTruth } from "../data/rig_sample.ts";
import { clampDepth, isValidTruth, type DepthRange } from "./metrics.ts";
import type { Crop, EvaluationParts } from "./parts.ts";
import { predictionAt, reducedTruth, type DepthMap } from "./sample_depth.ts";

/** Depths of the same pixels, `[n]` each. */
export interface Pairs {
  readonly prediction: Float64Array;
  readonly truth_m: Float64Array;
}

/** A map `[H, W]` of pixels that show the world: 1 there, 0 on the vehicle itself. */
export interface ViewMask extends ImageSize {
  readonly usable: Uint8Array;
}

/**
 * The pairs of a view whose truth counts, in the order of the pixels. `mask` is used only if the
 * parts ask for it. Throws InputError for a truth that is not finite.
 */
export function pairsOf(
  map: DepthMap,
  truth: GroundTruth,
  parts: EvaluationParts,
  range: DepthRange,
  mask: ViewMask | undefined,
): Pairs {
  const compared = parts.resolution === "prediction" ? reducedTruth(truth, map) : truth;
  const kept = Array.from(compared.depth_m.keys()).filter((i) => {
    if (!isValidTruth(compared.depth_m[i], range)) return false;
    const row = Math.floor(compared.pixels[i] / compared.width);
    const column = compared.pixels[i] % compared.width;
    if (parts.crop !== null && !isInside(row, column, parts.crop, compared)) return false;
    return !parts.mask || mask === undefined || isUsable(row, column, compared, mask);
  });
  const counted = {
    ...compared,
    pixels: Uint32Array.from(kept, (i) => compared.pixels[i]),
    depth_m: Float32Array.from(kept, (i) => compared.depth_m[i]),
  };
  // At the size of the prediction this reads its pixels as they are.
  const prediction = predictionAt(map, counted, parts.resize);
  return { prediction, truth_m: Float64Array.from(counted.depth_m) };
}

/** The pairs of several views or moments, one after the other. */
export function joined(list: readonly Pairs[]): Pairs {
  return {
    prediction: concatenate(list.map(({ prediction }) => prediction)),
    truth_m: concatenate(list.map(({ truth_m }) => truth_m)),
  };
}

/** The pairs with every prediction clamped to the range. */
export function clamped({ prediction, truth_m }: Pairs, range: DepthRange): Pairs {
  return { prediction: prediction.map((depth_m) => clampDepth(depth_m, range)), truth_m };
}

/** The borders of a crop are truncated to whole pixels, as its authors do; the last is left out. */
function isInside(row: number, column: number, crop: Crop, { height, width }: ImageSize): boolean {
  return (
    row >= Math.trunc(crop.top * height) &&
    row < Math.trunc(crop.bottom * height) &&
    column >= Math.trunc(crop.left * width) &&
    column < Math.trunc(crop.right * width)
  );
}

/** Whether the middle of a pixel lies on a usable pixel of the mask. */
function isUsable(row: number, column: number, from: ImageSize, mask: ViewMask): boolean {
  const y = Math.floor(((row + 0.5) * mask.height) / from.height);
  const x = Math.floor(((column + 0.5) * mask.width) / from.width);
  return mask.usable[y * mask.width + x] === 1;
}

function concatenate(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
