// The built-in rig: six real calibrations in a ray-traced street, with LiDAR-like sparse depth and
// dense truth. Needs no download, and every sample follows from its options and index alone.
import { hashText, randomStream } from "../tensor/random.ts";
import { InputError } from "../tensor/error.ts";
import { resizeIntrinsics, type Camera, type ImageSize } from "./camera.ts";
import type { DataSource, Split } from "./data_source.ts";
import { groundTruth, splatPoints } from "./depth_map.ts";
import { NUSCENES_CAMERAS, NUSCENES_LIDAR } from "./nuscenes_rig.ts";
import { compose, inverse, rotateBy, rotationMatrix } from "./pose.ts";
import { castDistances, renderView } from "./ray_trace.ts";
import { withOwnCar } from "./own_car.ts";
import { checkedSample, type RigSample } from "./rig_sample.ts";
import { shadowGrid } from "./shadow.ts";
import { makeStreet, type Street } from "./street.ts";

/** The streets that the built-in rig shows. */
export interface BuiltinRigOptions {
  readonly split: Split;
  readonly seed: number;
  /** Number of moments, each its own street. */
  readonly moments: number;
  /** Beams of the LiDAR, a divisor of 32 (default 32). */
  readonly beams?: number;
  /** The part of the vehicle that its cameras see (default none). */
  readonly body?: RigBody;
  /** Changes the cameras: the same streets as another car sees them (default: unchanged). */
  readonly calibration?: RigCalibration;
}

/** Nothing of the vehicle, or a car's bonnet, flanks and tail at the lower edge of every view. */
export type RigBody = "none" | "car";

/** Factors on the calibration of every camera; the LiDAR stays where it is. */
export interface RigCalibration {
  /** Factor of both focal lengths. */
  readonly focal: number;
  /** Factor of the height above the ground. */
  readonly height: number;
}

const UNCHANGED: RigCalibration = { focal: 1, height: 1 };

// The 32 beams of the LiDAR of nuScenes, radians above the horizon. A LiDAR with fewer has the middle
// ones of equal groups.
const BEAMS = 32;
const LOWEST_BEAM = (-30.67 * Math.PI) / 180;
const BEAM_STEP = (4 / 3) * (Math.PI / 180);
const LIDAR_RANGE_M = 80;
// Directions per turn of the LiDAR, per pixel of a rig: chosen so that 2 to 5 % of pixels get a
// depth at any size (measured 3.4 % on average at 96x160). A real LiDAR does not thin out with the
// images.
const AZIMUTHS_PER_PIXEL = 1 / 680;
const KEY = hashText("built-in rig");

/** The built-in rig as a data source; samples are rendered when asked for. */
export function builtinRig(options: BuiltinRigOptions): DataSource {
  const { split, seed, moments, beams = BEAMS, body = "none", calibration = UNCHANGED } = options;
  if (!Number.isInteger(moments) || moments < 1) {
    throw new InputError(`built-in rig: ${moments} moments; expected a whole number above 0`);
  }
  if (!(beams >= 1) || BEAMS % beams !== 0) {
    throw new InputError(`built-in rig: ${beams} beams; expected 1, 2, 4, 8, 16 or 32`);
  }
  const cameras = calibrated(calibration);
  const idOf = (index: number): string => `rig/${seed}/${split}/${index}`;
  return {
    name: "rig",
    split,
    // nuScenes' depth cap, since these are its cameras.
    protocol: { name: "rig", min_m: 0.1, cap_m: 80 },
    cameras,
    focalReference_px: 500,
    canTrain: true,
    count: moments,
    sample: async (index, size) =>
      renderMoment({ split, seed, beams, body, cameras }, index, size).sample,
    // A street follows from its id, its images from that, the body and the calibration.
    identify: async (index) => {
      const seen = `${body === "none" ? "" : ` with ${body}`}${ofCalibration(calibration)}`;
      return await Promise.resolve({
        id: idOf(index),
        content: `built-in rig ${idOf(index)}${seen}`,
      });
    },
    describe: () =>
      `built-in rig, ${moments} moments of its own streets, 6 cameras` +
      (body === "none" ? "" : `, a ${body} in view`) +
      (beams === BEAMS ? "" : `, LiDAR of ${beams} ${beams === 1 ? "beam" : "beams"}`) +
      ofCalibration(calibration),
  };
}

/** A moment of the built-in rig with the LiDAR cloud that its sparse depth was made from. */
export interface RigMoment {
  readonly sample: RigSample;
  /** `[n, 3]` metres in the vehicle frame. */
  readonly cloud: Float64Array;
}

/** Moment `index` of the built-in rig at `size`: its sample is that of the data source. */
export function rigMoment(
  { split, seed }: Pick<BuiltinRigOptions, "split" | "seed">,
  index: number,
  size: ImageSize,
): RigMoment {
  const usual = { beams: BEAMS, body: "none", cameras: calibrated(UNCHANGED) } as const;
  return renderMoment({ split, seed, ...usual }, index, size);
}

/** The cameras of the rig; throws InputError for a factor that is not a number above 0. */
function calibrated({ focal, height }: RigCalibration): readonly Camera[] {
  for (const [name, factor] of Object.entries({ focal, height })) {
    if (factor > 0 && factor < Infinity) continue;
    throw new InputError(
      `built-in rig: calibration ${name} is ${factor}; expected a factor above 0`,
    );
  }
  return NUSCENES_CAMERAS.map((camera) => {
    const [x, y, z] = camera.translation_m;
    const { fx, fy } = camera;
    return { ...camera, fx: fx * focal, fy: fy * focal, translation_m: [x, y, z * height] };
  });
}

/** A changed calibration in words; nothing for the rig's own. */
function ofCalibration({ focal, height }: RigCalibration): string {
  return focal === 1 && height === 1 ? "" : `, focal length x ${focal}, height x ${height}`;
}

/** The facts that a sample follows from. */
interface Rendered extends Required<Pick<BuiltinRigOptions, "split" | "seed" | "beams" | "body">> {
  readonly cameras: readonly Camera[];
}

function renderMoment(
  { split, seed, beams, body, cameras: native }: Rendered,
  index: number,
  size: ImageSize,
): RigMoment {
  const stream = randomStream(KEY, seed, hashText(split), index);
  const bare = makeStreet(stream);
  const street = body === "none" ? bare : withOwnCar(bare, seed);
  const shadows = shadowGrid(street.packed, street.sky.sun);
  const cameras = native.map((camera) => resizeIntrinsics(camera, size));
  const pixels = size.height * size.width;
  const images = new Uint8Array(cameras.length * pixels * 3);
  const dense_depth_m = new Float32Array(cameras.length * pixels);
  const sparse_depth_m = new Float32Array(cameras.length * pixels);
  const usable = new Uint8Array(cameras.length * pixels);
  const points = lidarPoints(street, beams, cameras.length * pixels, stream.uniform());
  const truth = cameras.map((camera, v) => {
    const view = renderView(street, shadows, camera);
    images.set(view.image, v * pixels * 3);
    dense_depth_m.set(view.depth_m, v * pixels);
    const sparse = sparse_depth_m.subarray(v * pixels, (v + 1) * pixels);
    splatPoints(sparse, camera, inverse(camera), points, 3);
    usable.set(view.usable, v * pixels);
    // From the roof the LiDAR also sees what the body hides from a camera.
    sparse.forEach((depth_m, pixel) => (sparse[pixel] = view.usable[pixel] === 1 ? depth_m : 0));
    return groundTruth(
      view.depth_m.map((depth_m, pixel) => (view.usable[pixel] === 1 ? depth_m : 0)),
      size,
    );
  });
  const sample = checkedSample({
    id: `rig/${seed}/${split}/${index}`,
    timestamp: String(index),
    cameras,
    images,
    sparse_depth_m,
    usable,
    dense_depth_m,
    groundTruth: truth,
  });
  return { sample, cloud: points };
}

/** One turn of the LiDAR: points `[n, 3]` in the vehicle frame; `phase` turns the first azimuth. */
function lidarPoints(
  street: Street,
  beams: number,
  rigPixels: number,
  phase: number,
): Float64Array {
  const azimuths = Math.max(1, Math.round(rigPixels * AZIMUTHS_PER_PIXEL));
  const lidar = compose(street.vehicle, NUSCENES_LIDAR);
  const directions = new Float64Array(beams * azimuths * 3);
  const rotation = rotationMatrix(lidar.rotation);
  const group = BEAMS / beams;
  for (let beam = 0; beam < beams; beam++) {
    const elevation = LOWEST_BEAM + (beam * group + Math.floor(group / 2)) * BEAM_STEP;
    for (let step = 0; step < azimuths; step++) {
      const azimuth = ((step + phase) / azimuths) * 2 * Math.PI;
      const flat = Math.cos(elevation);
      const own = [
        flat * Math.sin(azimuth),
        flat * Math.cos(azimuth),
        Math.sin(elevation),
      ] as const;
      directions.set(rotateBy(rotation, own), (beam * azimuths + step) * 3);
    }
  }
  const [ox, oy, oz] = lidar.translation_m;
  const distances = castDistances(street, lidar.translation_m, directions, LIDAR_RANGE_M);
  const toVehicle = inverse(street.vehicle);
  const back = rotationMatrix(toVehicle.rotation);
  const [tx, ty, tz] = toVehicle.translation_m;
  const points = new Float64Array(directions.length);
  let count = 0;
  for (let i = 0; i < distances.length; i++) {
    const distance = distances[i];
    if (distance === 0) continue;
    const [x, y, z] = rotateBy(back, [
      ox + distance * directions[3 * i],
      oy + distance * directions[3 * i + 1],
      oz + distance * directions[3 * i + 2],
    ]);
    points[count++] = x + tx;
    points[count++] = y + ty;
    points[count++] = z + tz;
  }
  return points.slice(0, count);
}
