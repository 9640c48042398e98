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

/** How a map is resized: its border stays fixed (half_pixel), or its corner pixels (corners). */
export type Resize = "half_pixel" | "corners";

/**
 * The prediction resized bilinearly (no antialias) to the size of `truth`, at the pixels of `truth`
 * only: `[n]` in f64, paired with `truth.depth_m`.
 */
export function predictionAt(
  prediction: DepthMap,
  truth: GroundTruth,
  resize: Resize = "half_pixel",
): Float64Array {
  const column = place(prediction.width, truth.width, resize);
  const row = place(prediction.height, truth.height, resize);
  return Float64Array.from(truth.pixels, (pixel) =>
    bilinearAt(prediction, column(pixel % truth.width), row(Math.floor(pixel / truth.width))),
  );
}

/** Where pixel `i` of an axis of `to` pixels lies on the same axis of `from` pixels. */
function place(from: number, to: number, resize: Resize): (i: number) => number {
  const step = resize === "corners" ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to;
  return resize === "corners" ? (i) => i * step : (i) => (i + 0.5) * step - 0.5;
}

/**
 * The truth at the size of a prediction: each depth at the pixel that contains it, the last one of
 * several wins. Source: resize_depth_preserve of packnet-sfm.
 */
export function reducedTruth(truth: GroundTruth, { height, width }: ImageSize): GroundTruth {
  const depths = new Map<number, number>();
  truth.pixels.forEach((pixel, i) => {
    const column = Math.floor(((pixel % truth.width) * width) / truth.width);
    const row = Math.floor((Math.floor(pixel / truth.width) * height) / truth.height);
    depths.set(row * width + column, truth.depth_m[i]);
  });
  const pixels = Uint32Array.from(depths.keys()).sort();
  return {
    height,
    width,
    pixels,
    depth_m: Float32Array.from(pixels, (pixel) => depths.get(pixel)!),
  };
}
