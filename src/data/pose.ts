// Rigid poses: a unit quaternion and a translation in metres, from one frame to another.
// Computed in f64, because world translations reach thousands of metres. Cameras are in camera.ts.
import { InputError } from "../tensor/error.ts";

/** A rotation as a unit quaternion `[w, x, y, z]`. */
export type Quaternion = readonly [number, number, number, number];

/** A point or direction `[x, y, z]`. */
export type Vector = readonly [number, number, number];

/** Takes points of one frame to another: `x' = R(rotation) x + translation_m`. */
export interface Pose {
  readonly rotation: Quaternion;
  readonly translation_m: Vector;
}

// A stored quaternion whose length differs from 1 by more than this is a fault of the file, not
// rounding (DGP's rule).
const LENGTH_TOLERANCE = 1e-3;

/**
 * The pose with its quaternion scaled to unit length.
 *
 * Throws InputError, naming `where`, for numbers that are not finite and for a quaternion whose
 * length is off by 1e-3 or more.
 */
export function checkedPose(pose: Pose, where: string): Pose {
  if (![...pose.rotation, ...pose.translation_m].every(Number.isFinite)) {
    throw new InputError(`${where}: the pose has a number that is not finite`);
  }
  const length = Math.hypot(...pose.rotation);
  if (Math.abs(1 - length) >= LENGTH_TOLERANCE) {
    throw new InputError(
      `${where}: rotation [${pose.rotation.join(", ")}] has length ${length.toPrecision(4)}; ` +
        `expected a unit quaternion [w, x, y, z]`,
    );
  }
  const [w, x, y, z] = pose.rotation;
  return {
    rotation: [w / length, x / length, y / length, z / length],
    translation_m: pose.translation_m,
  };
}

/** The 3x3 matrix of a unit quaternion, row-major, nine numbers. */
export function rotationMatrix([w, x, y, z]: Quaternion): Float64Array {
  return Float64Array.of(
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  );
}

/** The direction `v` turned by `rotation`. */
export function rotate(rotation: Quaternion, v: Vector): Vector {
  return rotateBy(rotationMatrix(rotation), v);
}

/** The direction turned by a rotation's matrix, for many of them. */
export function rotateBy(r: Float64Array, [x, y, z]: Vector): Vector {
  return [
    r[0] * x + r[1] * y + r[2] * z,
    r[3] * x + r[4] * y + r[5] * z,
    r[6] * x + r[7] * y + r[8] * z,
  ];
}

/** Maps point `p` from the pose's source frame to its target frame; for many points, see `mover`. */
export function transform(pose: Pose, p: Vector): Vector {
  return mover(pose)(p);
}

/** As `transform`, for many points: the matrix of the rotation is computed once. */
export function mover(pose: Pose): (p: Vector) => Vector {
  const matrix = rotationMatrix(pose.rotation);
  const [tx, ty, tz] = pose.translation_m;
  return (p) => {
    const [x, y, z] = rotateBy(matrix, p);
    return [x + tx, y + ty, z + tz];
  };
}

/** The inverse pose: `transform(inverse(a), transform(a, p))` is `p`. */
export function inverse(pose: Pose): Pose {
  const [w, x, y, z] = pose.rotation;
  const rotation: Quaternion = [w, -x, -y, -z];
  const [tx, ty, tz] = rotate(rotation, pose.translation_m);
  return { rotation, translation_m: [-tx, -ty, -tz] };
}

/**
 * First `inner`, then `outer`: `transform(compose(a, b), p)` is `transform(a, transform(b, p))`.
 */
export function compose(outer: Pose, inner: Pose): Pose {
  const [aw, ax, ay, az] = outer.rotation;
  const [bw, bx, by, bz] = inner.rotation;
  return {
    rotation: [
      aw * bw - ax * bx - ay * by - az * bz,
      aw * bx + ax * bw + ay * bz - az * by,
      aw * by - ax * bz + ay * bw + az * bx,
      aw * bz + ax * by - ay * bx + az * bw,
    ],
    translation_m: transform(outer, inner.translation_m),
  };
}
