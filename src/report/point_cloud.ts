// The depth of all cameras as one coloured cloud in the vehicle frame (x forward, y left, z up),
// for ply.ts. One point per pixel: no meshing, and points that two cameras both see are not merged.
import { resizeIntrinsics, unproject, type Camera, type ImageSize } from "../data/camera.ts";
import { mover } from "../data/pose.ts";
import type { PointCloud } from "../formats/ply.ts";
import { InputError } from "../tensor/error.ts";

/** The input of a point cloud: arrays of V views at one size H x W, row-major. */
export interface RigDepth extends ImageSize {
  /** `[V, H, W]` z-depth in metres; 0 and NaN mean no depth. */
  readonly depth_m: Float32Array;
  /** `[V, H, W, 3]` sRGB bytes. */
  readonly images: Uint8Array;
  /** `[V, H, W]` 0 where the camera sees its own vehicle; by default, all pixels show the world. */
  readonly usable?: Uint8Array;
}

/**
 * The points of `rig` nearer than `cap_m`, view by view, row by row.
 *
 * The intrinsics of `cameras` may be those of another image size; they are scaled to H x W as
 * (c + 1/2) s - 1/2. Throws InputError for arrays that do not fit the cameras.
 */
export function pointCloud(rig: RigDepth, cameras: readonly Camera[], cap_m: number): PointCloud {
  const { height, width, depth_m, images, usable } = rig;
  const pixels = height * width;
  const total = cameras.length * pixels;
  if (
    depth_m.length !== total ||
    images.length !== 3 * total ||
    (usable ?? depth_m).length !== total
  ) {
    throw new InputError(
      `point cloud: depth has ${depth_m.length} elements and images ${images.length}; expected ` +
        `[${cameras.length}, ${height}, ${width}] and three times that`,
    );
  }
  const positions_m = new Float32Array(3 * total);
  const colors = new Uint8Array(3 * total);
  let count = 0;
  cameras.forEach((native, view) => {
    const camera = resizeIntrinsics(native, rig);
    const move = mover(camera);
    for (let pixel = 0; pixel < pixels; pixel++) {
      const i = view * pixels + pixel;
      const depth = depth_m[i];
      if (!(depth > 0 && depth < cap_m) || usable?.[i] === 0) continue;
      const point = unproject(camera, pixel % width, Math.floor(pixel / width), depth);
      positions_m.set(move(point), 3 * count);
      colors.set(images.subarray(3 * i, 3 * i + 3), 3 * count);
      count++;
    }
  });
  return { positions_m: positions_m.slice(0, 3 * count), colors: colors.slice(0, 3 * count) };
}
