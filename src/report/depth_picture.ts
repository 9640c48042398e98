// Depth as colour for people: logarithmic, near red and far blue (Spectral_r, as Depth Anything's
// pictures). Depth that is read again goes through png16.ts or npy.ts.
import type { ImageSize } from "../data/camera.ts";
import { colorize, type Rgb } from "../formats/color_map.ts";
import { writeColorPng } from "../formats/color_png.ts";
import { bilinearAt, type DepthMap } from "../evaluate/sample_depth.ts";
import { InputError } from "../tensor/error.ts";
import type { Picture } from "./picture.ts";

/** The depths at the two ends of the colours, in metres; beyond them, the end colours are used. */
export interface DepthScale {
  readonly near_m: number;
  readonly far_m: number;
}

/** The colour of a pixel without a depth. */
export const NO_DEPTH: Rgb = [22, 25, 31];

// Anything nearer in a street scene is the vehicle itself; a fixed end keeps pictures of different
// cameras, steps and runs comparable.
const NEAR_M = 2;

/** The scale of all pictures of data with this cap: 2 m to the cap. */
export function depthScale(cap_m: number): DepthScale {
  return { near_m: Math.min(NEAR_M, cap_m / 2), far_m: cap_m };
}

/** Colours `[n, 3]` of depths `[n]` in metres; 0 and NaN mean no depth. */
export function depthColors(depth_m: ArrayLike<number>, { near_m, far_m }: DepthScale): Uint8Array {
  if (!(near_m > 0 && far_m > near_m && far_m < Infinity)) {
    throw new InputError(`depth picture: the scale from ${near_m} to ${far_m} m is empty`);
  }
  // Minus the logarithm, so that near is the high end.
  const values = Float64Array.from(depth_m, (depth) => (depth > 0 ? -Math.log(depth) : Number.NaN));
  return colorize(values, {
    map: "Spectral_r",
    low: -Math.log(far_m),
    high: -Math.log(near_m),
    invalid: NO_DEPTH,
  });
}

/** The depth map in colour, resized bilinearly to `size` (its own if left out). */
export function depthPicture(map: DepthMap, scale: DepthScale, size: ImageSize = map): Picture {
  const { height, width } = size;
  return { height, width, rgb: depthColors(resizeDepth(map, size), scale) };
}

/** The bytes of a colour PNG of a depth map, at its own size. */
export async function writeDepthPicture(map: DepthMap, scale: DepthScale): Promise<Uint8Array> {
  const { height, width, rgb } = depthPicture(map, scale);
  return writeColorPng(rgb, height, width);
}

/** `map` at `size`, bilinear with half-pixel centres, `[height * width]`. */
export function resizeDepth(map: DepthMap, { height, width }: ImageSize): Float64Array {
  const sx = map.width / width;
  const sy = map.height / height;
  return Float64Array.from({ length: height * width }, (_, pixel) => {
    const column = pixel % width;
    const row = Math.floor(pixel / width);
    return bilinearAt(map, (column + 0.5) * sx - 0.5, (row + 0.5) * sy - 0.5);
  });
}
