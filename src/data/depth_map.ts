// Depth maps from points: projection in which the nearest point wins, and the sparse representation
// for ground truth.
import type { Camera, ImageSize } from "./camera.ts";
import { rotationMatrix, type Pose } from "./pose.ts";
import type { GroundTruth } from "./rig_sample.ts";

/**
 * Projects points `[n, stride]` (x, y, z first) into `map` `[H, W]` of a camera, nearest point
 * wins.
 *
 * `toCamera` maps the points' frame to the camera frame. A point with z > 0 belongs to the pixel
 * whose centre is nearest, floor(u + 1/2), because pixel centres are at whole numbers here. (DGP
 * truncates and lets the last point win, half a pixel further right and sometimes a point behind
 * another.)
 */
export function splatPoints(
  map: Float32Array,
  camera: Camera,
  toCamera: Pose,
  points: Float32Array | Float64Array,
  stride: number,
): void {
  const r = rotationMatrix(toCamera.rotation);
  const [tx, ty, tz] = toCamera.translation_m;
  for (let i = 0; i + stride <= points.length; i += stride) {
    const x = points[i];
    const y = points[i + 1];
    const z = points[i + 2];
    const depth_m = r[6] * x + r[7] * y + r[8] * z + tz;
    if (!(depth_m > 0)) continue;
    const right = r[0] * x + r[1] * y + r[2] * z + tx;
    const down = r[3] * x + r[4] * y + r[5] * z + ty;
    const column = Math.floor((camera.fx * right) / depth_m + camera.cx + 0.5);
    const row = Math.floor((camera.fy * down) / depth_m + camera.cy + 0.5);
    if (column < 0 || column >= camera.width || row < 0 || row >= camera.height) continue;
    keepNearest(map, row * camera.width + column, depth_m);
  }
}

/**
 * Writes the depths of `truth` into the map `[to.height, to.width]`, each at its nearest pixel; the
 * nearest depth wins.
 */
export function resizeSparse(map: Float32Array, truth: GroundTruth, to: ImageSize): void {
  const sx = to.width / truth.width;
  const sy = to.height / truth.height;
  truth.pixels.forEach((pixel, i) => {
    // Pixel centre c lands at (c + 1/2) s - 1/2; its nearest pixel is the floor of (c + 1/2) s.
    const column = Math.floor(((pixel % truth.width) + 0.5) * sx);
    const row = Math.floor((Math.floor(pixel / truth.width) + 0.5) * sy);
    keepNearest(map, row * to.width + column, truth.depth_m[i]);
  });
}

/** The pixels of a map `[H, W]` that have a depth. */
export function groundTruth(map: Float32Array, { height, width }: ImageSize): GroundTruth {
  const found = new Uint32Array(map.length);
  let count = 0;
  for (let pixel = 0; pixel < map.length; pixel++) if (map[pixel] > 0) found[count++] = pixel;
  const pixels = found.slice(0, count);
  return { height, width, pixels, depth_m: Float32Array.from(pixels, (pixel) => map[pixel]) };
}

function keepNearest(map: Float32Array, pixel: number, depth_m: number): void {
  const before = map[pixel];
  if (before === 0 || depth_m < before) map[pixel] = depth_m;
}
