// Depth maps from LiDAR by the rules of several code bases, which differ in rounding, in the border
// and in which point a pixel keeps. depth_map.ts has the rule of training.
import type { Camera } from "./camera.ts";
import { splatPoints } from "./depth_map.ts";
import { rotationMatrix, type Pose } from "./pose.ts";

/**
 * A rule. `nearest`: floor(x + 1/2), and the nearest point wins. The others keep the last point in the
 * order of the file. `surrounddepth`: rounded half to even, then 0 <= u <= W - 1
 * (export_gt_depth_nusc.py). `vfdepth`: the same, but the border is tested before rounding. `dgp`:
 * truncated toward zero, so that -0.9 becomes pixel 0 (generate_depth_map).
 */
export type ProjectionRule = (typeof PROJECTION_RULES)[number];

/** All rules. */
export const PROJECTION_RULES = ["nearest", "surrounddepth", "vfdepth", "dgp"] as const;

/**
 * Writes the z-depth in metres of points `[n, 3]` into the map `[H, W]` of a camera; a point with z <=
 * 0 is behind it. `toCamera` maps the frame of the points to the frame of the camera. All in f64
 * until a depth is stored.
 */
export function projectPoints(
  map: Float32Array,
  camera: Camera,
  toCamera: Pose,
  points: Float64Array,
  rule: ProjectionRule,
): void {
  if (rule === "nearest") return splatPoints(map, camera, toCamera, points, 3);
  const r = rotationMatrix(toCamera.rotation);
  const [tx, ty, tz] = toCamera.translation_m;
  const { width, height } = camera;
  for (let i = 0; i + 3 <= points.length; i += 3) {
    const x = points[i];
    const y = points[i + 1];
    const z = points[i + 2];
    const depth_m = r[6] * x + r[7] * y + r[8] * z + tz;
    if (!(depth_m > 0)) continue;
    const u = (camera.fx * (r[0] * x + r[1] * y + r[2] * z + tx)) / depth_m + camera.cx;
    const v = (camera.fy * (r[3] * x + r[4] * y + r[5] * z + ty)) / depth_m + camera.cy;
    if (rule === "vfdepth" && !(u >= 0 && u <= width - 1 && v >= 0 && v <= height - 1)) continue;
    const column = rule === "dgp" ? Math.trunc(u) : roundHalfToEven(u);
    const row = rule === "dgp" ? Math.trunc(v) : roundHalfToEven(v);
    if (!(column >= 0 && column < width && row >= 0 && row < height)) continue;
    map[row * width + column] = depth_m;
  }
}

/** The nearest whole number; of two the even one, as numpy and IEEE 754 round. */
function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
