// The cells of the panorama that are not simply depth: relative depth of a teacher, and truth and
// error at LiDAR points, as dots large enough to see.
import type { ImageSize } from "../data/camera.ts";
import type { GroundTruth } from "../data/rig_sample.ts";
import type { DepthMap } from "../evaluate/sample_depth.ts";
import { colorize } from "../formats/color_map.ts";
import { resizeDepth } from "./depth_picture.ts";
import { NO_DEPTH } from "./depth_colors.ts";
import { blankPicture, type Picture } from "./picture.ts";

/** The signed relative errors at which the colours end. */
export const ERROR_LIMIT = 0.5;

/**
 * A relative map (ascending with distance, any unit, NaN for none), near red and far blue between
 * its own 2nd and 98th percentile.
 */
export function relativePicture(map: DepthMap, size: ImageSize): Picture {
  const nearness = resizeDepth(map, size).map((value) => -value);
  const sorted = nearness.filter((value) => !Number.isNaN(value)).sort();
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  const range = { low: at(0.02), high: at(0.98) };
  const rgb = colorize(nearness, { map: "Spectral_r", ...range, invalid: NO_DEPTH });
  return { height: size.height, width: size.width, rgb };
}

/** Colours `[n, 3]` of (prediction - truth) / truth: blue too near, pale right, red too far. */
export function errorColors(prediction_m: Float64Array, truth_m: Float32Array): Uint8Array {
  return colorizeError(prediction_m.map((depth, i) => (depth - truth_m[i]) / truth_m[i]));
}

/** The same colours at `share [n]` of the way from the lowest to the highest error. */
export function errorScaleColors(share: Float64Array): Uint8Array {
  return colorizeError(share.map((x) => ERROR_LIMIT * (2 * x - 1)));
}

function colorizeError(errors: Float64Array): Uint8Array {
  const range = { low: -ERROR_LIMIT, high: ERROR_LIMIT };
  return colorize(errors, { map: "Spectral_r", ...range, invalid: NO_DEPTH });
}

/**
 * The pixels of `truth` as dots of the given colours `[n, 3]`, nearer dots over farther ones.
 *
 * A dot covers at least its pixel; the dots of sparse truth grow to four pixels so that together
 * they could cover half of the picture.
 */
export function dotPicture(truth: GroundTruth, colors: Uint8Array, size: ImageSize): Picture {
  const picture = blankPicture(size, NO_DEPTH);
  const sx = size.width / truth.width;
  const sy = size.height / truth.height;
  const area = (size.height * size.width) / 2 / Math.max(1, truth.pixels.length);
  const least = Math.min(4, Math.max(1, Math.round(Math.sqrt(area))));
  const [columns, rows] = [Math.max(least, Math.ceil(sx)), Math.max(least, Math.ceil(sy))];
  // Painted from far to near: what is in front hides what is behind.
  const order = Uint32Array.from(truth.pixels.keys()).sort(
    (a, b) => truth.depth_m[b] - truth.depth_m[a],
  );
  for (const i of order) {
    const left = Math.floor((truth.pixels[i] % truth.width) * sx);
    const top = Math.floor(Math.floor(truth.pixels[i] / truth.width) * sy);
    const color = colors.subarray(3 * i, 3 * i + 3);
    for (let row = top; row < Math.min(top + rows, size.height); row++) {
      for (let column = left; column < Math.min(left + columns, size.width); column++) {
        picture.rgb.set(color, 3 * (row * size.width + column));
      }
    }
  }
  return picture;
}
