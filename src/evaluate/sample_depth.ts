// A predicted depth map read at the pixels of a larger or smaller truth: bilinear between pixel
// centres, with the same result as resizing the whole map first.
import type { ImageSize } from "../data/camera.ts";
import type { GroundTruth } from "../data/rig_sample.ts";

/** One depth map `[H, W]` in metres, row-major. */
export interface DepthMap extends ImageSize {
  readonly depth_m: ArrayLike<number>;
}

/** View `view` of predictions `[V, H, W]`, no copy. */
export function viewOf(
  depth_m: Float32Array | Float64Array,
  { height, width }: ImageSize,
  view: number,
): DepthMap {
  return {
    height,
    width,
    depth_m: depth_m.subarray(view * height * width, (view + 1) * height * width),
  };
}

/**
 * Bilinear value at (u, v) in pixels of the map, pixel centres at whole numbers; beyond the outer
 * centres, the border value is used. NaN if one of the neighbours with non-zero weight is NaN.
 */
export function bilinearAt({ height, width, depth_m }: DepthMap, u: number, v: number): number {
  const x = Math.min(Math.max(u, 0), width - 1);
  const y = Math.min(Math.max(v, 0), height - 1);
  const left = Math.floor(x);
  const top = Math.floor(y);
  const right = Math.min(left + 1, width - 1);
  const bottom = Math.min(top + 1, height - 1);
  const fx = x - left;
  const fy = y - top;
  const upper = (1 - fx) * depth_m[top * width + left] + fx * depth_m[top * width + right];
  const lower = (1 - fx) * depth_m[bottom * width + left] + fx * depth_m[bottom * width + right];
  return (1 - fy) * upper + fy * lower;
}

/**
 * The prediction resized (half-pixel centres, no antialias) to the size of `truth`, at the pixels
 * of `truth` only: `[n]` in f64, paired with `truth.depth_m`.
 */
export function predictionAt(prediction: DepthMap, truth: GroundTruth): Float64Array {
  const sx = prediction.width / truth.width;
  const sy = prediction.height / truth.height;
  return Float64Array.from(truth.pixels, (pixel) => {
    const column = pixel % truth.width;
    const row = Math.floor(pixel / truth.width);
    return bilinearAt(prediction, (column + 0.5) * sx - 0.5, (row + 0.5) * sy - 0.5);
  });
}
