// Reads a moment of a data set that has images and one LiDAR cloud: decodes the images, projects the
// cloud into every camera, applies the masks. ddad.ts and nuscenes/nuscenes.ts say which files belong
// to a moment.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { insideRoot, readInside } from "../formats/inside_root.ts";
import { InputError } from "../tensor/error.ts";
import { resizeIntrinsics, type Camera, type ImageSize } from "./camera.ts";
import { keptMaps } from "./depth_cache.ts";
import { groundTruth, resizeSparse } from "./depth_map.ts";
import { decodeImage, IMAGE_LIMIT_BYTES } from "./image_file.ts";
import { checkUsable, type Masks } from "./masks.ts";
import { imageIdentity } from "./image_identity.ts";
import type { MomentIdentity } from "./moment_identity.ts";
import type { Pose } from "./pose.ts";
import { projectPoints, type ProjectionRule } from "./projection.ts";
import { checkedSample, type GroundTruth, type RigSample } from "./rig_sample.ts";

/** One camera of a moment: its calibration at native size, and its image below the root. */
export interface LidarShot {
  readonly camera: Camera;
  readonly file: string;
  /** Frame of the cloud -> frame of the camera. */
  readonly cloudToCamera: Pose;
}

/** A moment as files below a root. */
export interface LidarMoment {
  readonly id: string;
  readonly timestamp: string;
  readonly scene: string;
  /** In ring order. */
  readonly shots: readonly LidarShot[];
  readonly cloud: string;
  /** Columns of the cloud, if its file does not name them. */
  readonly columns: readonly string[];
}

/** A moment that cannot be read, with its fault, which is thrown when the moment is read. */
export interface BrokenMoment {
  readonly fault: InputError;
}

/** How to read the moments of a set. */
export interface LidarReading {
  readonly root: string;
  readonly rule: ProjectionRule;
  /** Folder of projected depth, null to project every time. */
  readonly cache: string | null;
  readonly masks: Masks;
  /** Points `[n, 3]` of a cloud file in metres; throws InputError naming the file. */
  readonly points: (bytes: Uint8Array, file: string, columns: readonly string[]) => Float64Array;
}

// A cloud of ten million points of four f64 has 320 MB.
const CLOUD_LIMIT_BYTES = 512 * 2 ** 20;

/**
 * The sample of a moment at `size`. By the rule `nearest` the cloud is projected into the full image
 * for evaluation and into the resized one for training; by the others it is projected into the full
 * image only, and that map is resized, as is a depth map from a file.
 *
 * Rejects with InputError, naming the file, for one that is missing or broken.
 */
export async function readLidarMoment(
  moment: LidarMoment,
  reading: LidarReading,
  size: ImageSize,
): Promise<RigSample> {
  const { id, timestamp, shots, cloud, columns, scene } = moment;
  const { root, masks, rule } = reading;
  const pixels = size.height * size.width;
  const images = new Uint8Array(shots.length * pixels * 3);
  const usable = new Uint8Array(shots.length * pixels).fill(1);
  const cameras = shots.map(({ camera }) => resizeIntrinsics(camera, size));
  const bytes = await readInside(root, cloud, CLOUD_LIMIT_BYTES);
  const points = memoized(() => reading.points(bytes, join(root, cloud), columns));
  const projected = async (views: readonly Camera[]): Promise<readonly GroundTruth[]> =>
    await keptMaps(reading.cache, contentKey(bytes, views, moment, rule), views, () =>
      views.map((camera, v) => {
        const map = new Float32Array(camera.height * camera.width);
        projectPoints(map, camera, shots[v].cloudToCamera, points(), rule);
        return groundTruth(map, camera);
      }),
    );
  const truth = await projected(shots.map(({ camera }) => camera));
  const training = rule === "nearest" ? await projected(cameras) : truth;
  const sparse_depth_m = new Float32Array(shots.length * pixels);
  for (const [v, map] of training.entries()) {
    resizeSparse(sparse_depth_m.subarray(v * pixels, (v + 1) * pixels), map, size);
  }
  // Which failure is reported must not depend on which read is faster.
  const reads = await Promise.allSettled(
    shots.map(async (shot, v) => {
      const image = await readInside(root, shot.file, IMAGE_LIMIT_BYTES);
      const decoded = await decodeImage(image, join(root, shot.file), shot.camera, size);
      images.set(decoded, v * pixels * 3);
      const mask = await masks.of(shot.camera, size, scene);
      if (mask) usable.set(mask, v * pixels);
    }),
  );
  for (const read of reads) if (read.status === "rejected") throw read.reason;
  checkUsable(usable, id);
  return checkedSample({
    id,
    timestamp,
    cameras,
    images,
    sparse_depth_m,
    usable,
    groundTruth: truth,
  });
}

/** Identifies a moment by its images; rejects with InputError if one cannot be read. */
export async function identifyLidarMoment(
  root: string,
  { id, shots }: LidarMoment,
): Promise<MomentIdentity> {
  const files = shots.map(async ({ file }) => await insideRoot(root, file));
  return await imageIdentity(id, await Promise.all(files));
}

/**
 * Reads the cloud of a moment and counts its points; rejects with InputError if it cannot be read or
 * has none.
 */
export async function countPoints(
  { root, points }: Pick<LidarReading, "root" | "points">,
  { cloud, columns }: LidarMoment,
): Promise<number> {
  const bytes = await readInside(root, cloud, CLOUD_LIMIT_BYTES);
  const count = points(bytes, join(root, cloud), columns).length / 3;
  if (count > 0) return count;
  throw new InputError(`${join(root, cloud)}: the cloud has no point`);
}

/** A hash of everything that projected depth follows from. */
function contentKey(
  cloud: Uint8Array,
  views: readonly Camera[],
  { shots, columns }: LidarMoment,
  rule: ProjectionRule,
): string {
  const geometry = views.map(({ width, height, fx, fy, cx, cy }, v) => {
    const { rotation, translation_m } = shots[v].cloudToCamera;
    return [width, height, fx, fy, cx, cy, ...rotation, ...translation_m];
  });
  return createHash("sha256")
    .update(JSON.stringify([rule, columns, geometry]))
    .update(cloud)
    .digest("hex");
}

function memoized<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
