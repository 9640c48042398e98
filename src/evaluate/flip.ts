// The pass on mirrored images: predict the mirrored images too, mirror the result back and fuse both
// in inverse depth. Source: batch_post_process_disparity of Monodepth (Godard et al., CVPR 2017).
import type { ImageSize } from "../data/camera.ts";

/** Images `[V, H, W, C]` mirrored left to right, each view in its place. */
export function mirrored<A extends Uint8Array | Float32Array>(
  values: A,
  { height, width }: ImageSize,
  channels: number,
): A {
  const result = values.slice() as A;
  const rows = values.length / (width * channels);
  if (!Number.isInteger(rows / height)) throw new Error("mirrored: values do not fit the size");
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const from = (row * width + column) * channels;
      const to = (row * width + width - 1 - column) * channels;
      result.set(values.subarray(from, from + channels), to);
    }
  }
  return result;
}

/** Values `[V, ...]` with the order of the views turned around: a mirrored ring runs the other way. */
export function reversedViews<A extends Uint8Array | Float32Array>(values: A, views: number): A {
  const each = values.length / views;
  if (!Number.isInteger(each)) throw new Error("reversedViews: values do not fit the views");
  const result = values.slice() as A;
  for (let view = 0; view < views; view++) {
    result.set(values.subarray(view * each, (view + 1) * each), (views - 1 - view) * each);
  }
  return result;
}

/**
 * Fuses the depths `[V, H, W]` in metres of the images and of the mirrored images (`other`, already
 * mirrored back): the mean of both disparities, but within 5 % of the left border that of `other`
 * and within 5 % of the right border the images' own, each with a ramp.
 */
export function fuseMirrored(
  own: Float32Array,
  other: Float32Array,
  { width }: ImageSize,
): Float32Array {
  const left = Float64Array.from({ length: width }, (_, column) => {
    const x = width > 1 ? column / (width - 1) : 0;
    return 1 - Math.min(1, Math.max(0, 20 * (x - 0.05)));
  });
  return own.map((depth_m, pixel) => {
    const column = pixel % width;
    const [l, r] = [left[column], left[width - 1 - column]];
    const [a, b] = [1 / depth_m, 1 / other[pixel]];
    return 1 / (r * a + l * b + (1 - l - r) * 0.5 * (a + b));
  });
}
