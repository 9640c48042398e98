// The clouds of nuScenes. `.pcd.bin` is not PCD: it has no header, only little-endian f32 rows of x, y,
// z, intensity and ring. Source: the devkit's LidarPointCloud.from_file.
import { InputError } from "../../tensor/error.ts";

const COLUMNS = 5;
const ROW_BYTES = 4 * COLUMNS;
// The LiDAR of nuScenes reaches 70 m. Numbers of another type or order of bytes soon exceed this.
const FARTHEST_M = 10_000;

/**
 * Points `[n, 3]` of a cloud in metres, in the frame of the sensor. Throws InputError, naming the file
 * and the point, if the bytes are no whole number of rows, there is no point, or a coordinate is not
 * finite or beyond 10 km.
 */
export function readCloud(bytes: Uint8Array, file: string): Float64Array {
  const count = bytes.length / ROW_BYTES;
  if (!Number.isInteger(count) || count === 0) {
    const isPcd = Buffer.from(bytes.subarray(0, 64)).toString("latin1").includes(".PCD");
    throw new InputError(
      isPcd
        ? `${file}: is a PCD file; a .pcd.bin of nuScenes has no header`
        : `${file}: has ${bytes.length} bytes; expected rows of ${COLUMNS} f32 (${ROW_BYTES} bytes): it is cut short`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const points = new Float64Array(count * 3);
  for (let point = 0; point < count; point++) {
    for (let axis = 0; axis < 3; axis++) {
      const value = view.getFloat32(point * ROW_BYTES + axis * 4, true);
      if (!Number.isFinite(value)) {
        throw new InputError(`${file}: ${"xyz"[axis]} of point ${point} is ${value}`);
      }
      if (Math.abs(value) > FARTHEST_M) {
        throw new InputError(
          `${file}: ${"xyz"[axis]} of point ${point} is ${value}; expected at most ${FARTHEST_M} m: ` +
            `the file has another type or order of bytes than little-endian f32`,
        );
      }
      points[point * 3 + axis] = value;
    }
  }
  return points;
}

/** The bytes of a cloud of points `[n, 3]`; intensity and ring are 0. */
export function writeCloud(points: ArrayLike<number>): Uint8Array {
  const count = points.length / 3;
  const bytes = new Uint8Array(count * ROW_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count * 3; i++) {
    view.setFloat32(Math.floor(i / 3) * ROW_BYTES + (i % 3) * 4, points[i], true);
  }
  return bytes;
}
