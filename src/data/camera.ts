// Pinhole cameras of a rig: intrinsics in pixels, pose sensor -> vehicle, and the ring they form.
// Camera frame: x right, y down, z forward. Vehicle frame: x forward, y left, z up.
// Pixel (0, 0) has its centre at u = 0, v = 0, so an image spans u from -1/2 to width - 1/2.
import { checkPixels } from "../formats/limits.ts";
import { InputError } from "../tensor/error.ts";
import { checkedPose, rotate, type Pose, type Vector } from "./pose.ts";

/** Rows and columns of an image. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** A rectified pinhole camera; its pose takes points from the camera frame to the vehicle frame. */
export interface Camera extends ImageSize, Pose {
  readonly name: string;
  /** Focal lengths in pixels. */
  readonly fx: number;
  readonly fy: number;
  /** Principal point in pixels, pixel centres at whole numbers. */
  readonly cx: number;
  readonly cy: number;
}

/**
 * The camera with its quaternion at unit length.
 *
 * Throws InputError, naming `where` and the camera, for a size that is not a whole number of
 * pixels or exceeds 89,478,485, a focal length that is not positive, a principal point that is not
 * finite or a broken pose.
 */
export function checkedCamera(camera: Camera, where: string): Camera {
  const at = `${where}: camera ${camera.name}`;
  for (const axis of ["width", "height"] as const) {
    if (!Number.isInteger(camera[axis]) || camera[axis] < 1) {
      throw new InputError(`${at}: ${axis} is ${camera[axis]}; expected a whole number of pixels`);
    }
  }
  checkPixels(camera.width, camera.height, at);
  for (const focal of ["fx", "fy"] as const) {
    if (!Number.isFinite(camera[focal]) || camera[focal] <= 0) {
      throw new InputError(
        `${at}: ${focal} is ${camera[focal]}; expected a focal length in pixels`,
      );
    }
  }
  // A crop may leave the principal point outside the image, so only a number that is not finite is
  // wrong.
  if (!Number.isFinite(camera.cx) || !Number.isFinite(camera.cy)) {
    throw new InputError(`${at}: principal point (${camera.cx}, ${camera.cy}) is not finite`);
  }
  return { ...camera, ...checkedPose(camera, at) };
}

/**
 * Pixel and z-depth `[u, v, depth_m]` of a point in the camera frame.
 *
 * A point with depth_m <= 0 is behind the camera; its u and v mean nothing.
 */
export function project(camera: Camera, [x, y, z]: Vector): [number, number, number] {
  return [(camera.fx * x) / z + camera.cx, (camera.fy * y) / z + camera.cy, z];
}

/** The point of the camera frame, in metres, at pixel (u, v) and z-depth `depth_m`. */
export function unproject(camera: Camera, u: number, v: number, depth_m: number): Vector {
  return [
    ((u - camera.cx) / camera.fx) * depth_m,
    ((v - camera.cy) / camera.fy) * depth_m,
    depth_m,
  ];
}

/**
 * The same camera for an image resized to `size`: with s the ratio of the sizes, focal lengths
 * scale by s and centres as (c + 1/2) s - 1/2, because the image's border stays fixed, not a
 * pixel's centre.
 */
export function resizeIntrinsics(camera: Camera, size: ImageSize): Camera {
  const sx = size.width / camera.width;
  const sy = size.height / camera.height;
  return {
    ...camera,
    width: size.width,
    height: size.height,
    fx: camera.fx * sx,
    fy: camera.fy * sy,
    cx: (camera.cx + 0.5) * sx - 0.5,
    cy: (camera.cy + 0.5) * sy - 0.5,
  };
}

/** Yaw of a camera's optical axis in the vehicle frame, radians, positive to the left. */
export function yaw(camera: Camera): number {
  const [x, y] = rotate(camera.rotation, [0, 0, 1]);
  return Math.atan2(y, x);
}

/**
 * The cameras in ring order: the one that looks forward most, then counter-clockwise from above
 * (front, front left, back left, back, ...), so that the neighbours of v are v - 1 and v + 1,
 * cyclically.
 */
export function ringOrder(cameras: readonly Camera[]): Camera[] {
  const turn = 2 * Math.PI;
  const angles = new Map(cameras.map((camera) => [camera, (yaw(camera) + turn) % turn]));
  const ring = cameras.toSorted((a, b) => angles.get(a)! - angles.get(b)!);
  const forward = (camera: Camera): number => Math.cos(yaw(camera));
  const first = ring.reduce(
    (best, camera, i) => (forward(camera) > forward(ring[best]) ? i : best),
    0,
  );
  return [...ring.slice(first), ...ring.slice(0, first)];
}

/** Ring-adjacent pairs `[v, v + 1]` of a ring of `views` cameras; two cameras make one pair. */
export function ringPairs(views: number): [number, number][] {
  if (views < 2) return [];
  if (views === 2) return [[0, 1]];
  return Array.from({ length: views }, (_, v) => [v, (v + 1) % views]);
}

/**
 * Rows and columns of a text such as `96x160` (height x width).
 *
 * Throws InputError for anything else, and for a side that is not a multiple of 32: the students
 * halve an image five times.
 */
export function parseSize(text: string): ImageSize {
  const match = /^(\d+)x(\d+)$/.exec(text);
  if (!match) {
    throw new InputError(`size ${JSON.stringify(text)}: expected HEIGHTxWIDTH, such as 96x160`);
  }
  const [height, width] = [Number(match[1]), Number(match[2])];
  if (height % 32 !== 0 || width % 32 !== 0 || height === 0 || width === 0) {
    throw new InputError(`size ${text}: height and width must be multiples of 32, such as 96x160`);
  }
  return { height, width };
}
