// Depth as colour for people: logarithmic, near red and far blue (Spectral_r, as Depth Anything's
// pictures).
import { colorize, type Rgb } from "../formats/color_map.ts";
import { InputError } from "../tensor/error.ts";

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
