// From the bytes of an image to the input of a network, as each publication prepares it. The two
// differ in size, interpolation and rounding, which changes the maps.
import type { ImageSize } from "../../data/camera.ts";
import { InputError } from "../../tensor/error.ts";
import { resizeLikeOpenCv, resizeLikePillow } from "./cubic.ts";
import type { PositionRule } from "./positions.ts";

/** The publication that prepares images so, and places position embeddings so. */
export type Preparation = "original" | "huggingface";

/** Both preparations. */
export const PREPARATIONS: readonly ["original", "huggingface"] = ["original", "huggingface"];

/** The shorter side of the input of the published networks, in pixels. */
export const PUBLISHED_SIDE = 518;

// of ImageNet, RGB
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];

/** The rule for position embeddings that goes with a preparation. */
export function positionRule(preparation: Preparation): PositionRule {
  return preparation === "original" ? "offset" : "size";
}

/**
 * The size at which a network sees an image, each side a multiple of `patch`. Original: the shorter
 * side is at least `side`. Hugging Face: the side whose scale is closer to 1 becomes `side`, so that
 * a small wide image stays small. Throws InputError where a side would have no patch.
 */
export function inputSize(
  image: ImageSize,
  preparation: Preparation,
  side: number,
  patch: number,
): ImageSize {
  const byHeight = side / image.height;
  const byWidth = side / image.width;
  const isByWidth =
    preparation === "original"
      ? byWidth > byHeight
      : Math.abs(1 - byWidth) < Math.abs(1 - byHeight);
  const scale = isByWidth ? byWidth : byHeight;
  const fitted = (pixels: number): number => {
    const near = patch * halfToEven((scale * pixels) / patch);
    if (preparation === "huggingface" || near >= side) return near;
    return patch * Math.ceil((scale * pixels) / patch);
  };
  const size = { height: fitted(image.height), width: fitted(image.width) };
  if (size.height > 0 && size.width > 0) return size;
  throw new InputError(
    `an image of ${image.height}x${image.width} has no patch of ${patch} pixels at the side of ${side}; ` +
      `give a larger side`,
  );
}

/** Rounds to the nearest whole number, halves to the even one, as Python and NumPy do. */
function halfToEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest === 0.5) return low % 2 === 0 ? low : low + 1;
  return rest < 0.5 ? low : low + 1;
}

/**
 * The input of a network: resized, then normalised by ImageNet's mean and deviation. image [H, W, 3]
 * bytes -> [`to`, 3].
 */
export function prepareImage(
  image: Uint8Array,
  from: ImageSize,
  to: ImageSize,
  preparation: Preparation,
): Float32Array {
  const shape = [from.height, from.width, 3] as const;
  const target = [to.height, to.width] as const;
  const resized =
    preparation === "original"
      ? resizeLikeOpenCv(image, shape, target)
      : resizeLikePillow(image, shape, target);
  return Float32Array.from(resized, (value, i) => (value / 255 - MEAN[i % 3]) / DEVIATION[i % 3]);
}
