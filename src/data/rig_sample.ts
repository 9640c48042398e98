// A rig sample: one moment of a ring of cameras, as data sources provide it to training, teacher,
// evaluation and report. batch.ts turns it into network inputs.
import { InputError } from "../tensor/error.ts";
import { formatShape } from "../tensor/shape.ts";
import { checkedCamera, type Camera, type ImageSize } from "./camera.ts";

/**
 * Ground truth of one camera for evaluation, at its own size; lists only the pixels that have a
 * depth.
 */
export interface GroundTruth extends ImageSize {
  /** `row * width + column` of each pixel with a depth, ascending. */
  readonly pixels: Uint32Array;
  /** Its z-depth in metres, above 0. */
  readonly depth_m: Float32Array;
}

/**
 * One moment of the whole rig. V cameras in ring order, all at one size H x W.
 *
 * Every array is row-major; depth is z-depth of the camera in metres and 0 means none.
 */
export interface RigSample {
  /** Unique within its data source and the same in every run: a key for seeds and caches. */
  readonly id: string;
  /** As in the source; a string, because some have more digits than a number can hold. */
  readonly timestamp: string;
  /** V cameras in ring order (front, then counter-clockwise), intrinsics at H x W. */
  readonly cameras: readonly Camera[];
  /** `[V, H, W, 3]` sRGB bytes. */
  readonly images: Uint8Array;
  /** `[V, H, W]` LiDAR depth in metres, 0 = none. */
  readonly sparse_depth_m: Float32Array;
  /** `[V, H, W]` self-occlusion: 1 = the world, 0 = the vehicle's own body. */
  readonly usable: Uint8Array;
  /** `[V, H, W]` true depth of every pixel in metres, 0 = sky; only if a source knows it. */
  readonly dense_depth_m?: Float32Array;
  /** Ground truth for evaluation, one per camera; empty if a source has no depth. */
  readonly groundTruth: readonly GroundTruth[];
}

/** Axes of a sample: views, rows, columns. */
export function sampleShape(sample: RigSample): [number, number, number] {
  const first = sample.cameras[0];
  if (!first) throw new InputError(`sample ${sample.id}: no camera`);
  return [sample.cameras.length, first.height, first.width];
}

/**
 * The sample itself, after its arrays and depths were checked.
 *
 * Throws InputError naming sample, camera and field: a broken or repeated camera, an array of
 * another type or length, a depth that is NaN, infinite or negative (with its pixel), a mask value
 * other than 0 and 1.
 */
export function checkedSample(sample: RigSample): RigSample {
  const [views, height, width] = sampleShape(sample);
  const names = new Set<string>();
  for (const camera of sample.cameras) {
    checkedCamera(camera, `sample ${sample.id}`);
    if (names.has(camera.name)) {
      throw new InputError(`sample ${sample.id}: two cameras are named ${camera.name}`);
    }
    names.add(camera.name);
    if (camera.height !== height || camera.width !== width) {
      throw new InputError(
        `sample ${sample.id}, camera ${camera.name}: size ${camera.height}x${camera.width} differs ` +
          `from ${height}x${width} of camera ${sample.cameras[0].name}`,
      );
    }
  }
  checkArray(sample, "images", sample.images, Uint8Array, [views, height, width, 3]);
  checkArray(sample, "usable", sample.usable, Uint8Array, [views, height, width]);
  const flag = sample.usable.findIndex((value) => value > 1);
  if (flag >= 0) {
    throw new InputError(
      `${place(sample, "usable", flag)} is ${sample.usable[flag]}; expected 0 or 1`,
    );
  }
  checkDepth(sample, "sparse_depth_m", sample.sparse_depth_m);
  if (sample.dense_depth_m) checkDepth(sample, "dense_depth_m", sample.dense_depth_m);
  checkGroundTruth(sample);
  return sample;
}

/** Checks type and length of an array, because a JavaScript program may pass anything. */
function checkArray(
  sample: RigSample,
  field: string,
  array: Uint8Array | Float32Array,
  type: typeof Uint8Array | typeof Float32Array,
  shape: number[],
): void {
  if (!(array instanceof type)) {
    throw new InputError(`sample ${sample.id}: ${field} is not a ${type.name}`);
  }
  const expected = shape.reduce((product, axis) => product * axis, 1);
  if (array.length !== expected) {
    throw new InputError(
      `sample ${sample.id}: ${field} has ${array.length} elements; expected ${expected} for ` +
        formatShape(shape),
    );
  }
}

function checkDepth(sample: RigSample, field: string, depth_m: Float32Array): void {
  checkArray(sample, field, depth_m, Float32Array, sampleShape(sample));
  const bad = depth_m.findIndex((value) => !isDepth(value));
  if (bad >= 0) {
    throw new InputError(
      `${place(sample, field, bad)} is ${depth_m[bad]}; expected metres, 0 for none`,
    );
  }
}

function checkGroundTruth(sample: RigSample): void {
  const { groundTruth, cameras } = sample;
  if (groundTruth.length !== 0 && groundTruth.length !== cameras.length) {
    throw new InputError(
      `sample ${sample.id}: groundTruth has ${groundTruth.length} maps for ${cameras.length} cameras`,
    );
  }
  groundTruth.forEach((truth, v) => {
    checkTruth(truth, `sample ${sample.id}, camera ${cameras[v].name}: groundTruth`);
  });
}

/**
 * Checks the truth of one camera: throws InputError, naming `at` and the pixel, if pixels and
 * depths are not paired, a pixel is outside the image, or a depth is not finite and above 0.
 */
export function checkTruth({ height, width, pixels, depth_m }: GroundTruth, at: string): void {
  if (pixels.length !== depth_m.length) {
    throw new InputError(`${at} has ${pixels.length} pixels but ${depth_m.length} depths`);
  }
  const outside = pixels.findIndex((pixel) => pixel >= height * width);
  if (outside >= 0) {
    throw new InputError(`${at} has pixel ${pixels[outside]} in ${height}x${width} pixels`);
  }
  const bad = depth_m.findIndex((value) => !isDepth(value) || value === 0);
  if (bad >= 0) {
    const row = Math.floor(pixels[bad] / width);
    throw new InputError(
      `${at} at row ${row}, column ${pixels[bad] % width} is ${depth_m[bad]} m; ` +
        `expected a depth above 0`,
    );
  }
}

/** Whether a depth map may contain a value: finite and not negative. */
export function isDepth(value: number): boolean {
  return value >= 0 && value < Infinity;
}

/** Sample, camera, field and pixel of element `i` of a `[V, H, W]` map, as text. */
function place(sample: RigSample, field: string, i: number): string {
  const [, height, width] = sampleShape(sample);
  const view = Math.floor(i / (height * width));
  const row = Math.floor(i / width) % height;
  const camera = sample.cameras[view].name;
  return `sample ${sample.id}, camera ${camera}: ${field} at row ${row}, column ${i % width}`;
}
