// The built-in rig: six real calibrations in a ray-traced street, with LiDAR-like sparse depth and
// dense truth. Needs no download, and every sample follows from (seed, split, index) alone.
import { hashText, randomStream } from "../tensor/random.ts";
import { InputError } from "../tensor/error.ts";
import { resizeIntrinsics, type ImageSize } from "./camera.ts";
import type { DataSource, Split } from "./data_source.ts";
import { groundTruth, splatPoints } from "./depth_map.ts";
import { NUSCENES_CAMERAS, NUSCENES_LIDAR } from "./nuscenes_rig.ts";
import { compose, inverse, rotate, transform } from "./pose.ts";
import { castDistances, renderView } from "./ray_trace.ts";
import { checkedSample, type RigSample } from "./rig_sample.ts";
import { shadowGrid } from "./shadow.ts";
import { makeStreet, type Street } from "./street.ts";

/** The streets that the built-in rig shows. */
export interface BuiltinRigOptions {
  readonly split: Split;
  readonly seed: number;
  /** Number of moments, each its own street. */
  readonly moments: number;
}

// The 32 beams of the LiDAR of nuScenes, radians above the horizon.
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
export function builtinRig({ split, seed, moments }: BuiltinRigOptions): DataSource {
  if (!Number.isInteger(moments) || moments < 1) {
    throw new InputError(`built-in rig: ${moments} moments; expected a whole number above 0`);
  }
  const idOf = (index: number): string => `rig/${seed}/${split}/${index}`;
  return {
    name: "rig",
    split,
    // nuScenes' depth cap, since these are its cameras.
    protocol: { name: "rig", min_m: 0.1, cap_m: 80 },
    cameras: NUSCENES_CAMERAS,
    focalReference_px: 500,
    canTrain: true,
    count: moments,
    sample: async (index, size) => renderSample({ split, seed, moments }, index, size),
    // The id alone determines a street.
    identify: async (index) =>
      await Promise.resolve({ id: idOf(index), content: `built-in rig ${idOf(index)}` }),
    describe: () => `built-in rig, ${moments} moments of its own streets, 6 cameras`,
  };
}

function renderSample(options: BuiltinRigOptions, index: number, size: ImageSize): RigSample {
  const { split, seed } = options;
  const stream = randomStream(KEY, seed, hashText(split), index);
  const street = makeStreet(stream);
  const shadows = shadowGrid(street.packed, street.sky.sun);
  const cameras = NUSCENES_CAMERAS.map((camera) => resizeIntrinsics(camera, size));
  const pixels = size.height * size.width;
  const images = new Uint8Array(cameras.length * pixels * 3);
  const dense_depth_m = new Float32Array(cameras.length * pixels);
  const sparse_depth_m = new Float32Array(cameras.length * pixels);
  const points = lidarPoints(street, cameras.length * pixels, stream.uniform());
  const truth = cameras.map((camera, v) => {
    const view = renderView(street, shadows, camera);
    images.set(view.image, v * pixels * 3);
    dense_depth_m.set(view.depth_m, v * pixels);
    const sparse = sparse_depth_m.subarray(v * pixels, (v + 1) * pixels);
    splatPoints(sparse, camera, inverse(camera), points, 3);
    return groundTruth(view.depth_m, size);
  });
  return checkedSample({
    id: `rig/${seed}/${split}/${index}`,
    timestamp: String(index),
    cameras,
    images,
    sparse_depth_m,
    usable: new Uint8Array(cameras.length * pixels).fill(1),
    dense_depth_m,
    groundTruth: truth,
  });
}

/** One turn of the LiDAR: points `[n, 3]` in the vehicle frame; `phase` turns the first azimuth. */
function lidarPoints(street: Street, rigPixels: number, phase: number): Float64Array {
  const azimuths = Math.max(1, Math.round(rigPixels * AZIMUTHS_PER_PIXEL));
  const lidar = compose(street.vehicle, NUSCENES_LIDAR);
  const directions = new Float64Array(BEAMS * azimuths * 3);
  for (let beam = 0; beam < BEAMS; beam++) {
    const elevation = LOWEST_BEAM + beam * BEAM_STEP;
    for (let step = 0; step < azimuths; step++) {
      const azimuth = ((step + phase) / azimuths) * 2 * Math.PI;
      const flat = Math.cos(elevation);
      const own = [
        flat * Math.sin(azimuth),
        flat * Math.cos(azimuth),
        Math.sin(elevation),
      ] as const;
      directions.set(rotate(lidar.rotation, own), (beam * azimuths + step) * 3);
    }
  }
  const [ox, oy, oz] = lidar.translation_m;
  const distances = castDistances(street, lidar.translation_m, directions, LIDAR_RANGE_M);
  const toVehicle = inverse(street.vehicle);
  const points: number[] = [];
  distances.forEach((distance, i) => {
    if (distance === 0) return;
    const [dx, dy, dz] = directions.subarray(i * 3, i * 3 + 3) as unknown as [
      number,
      number,
      number,
    ];
    const hit = [ox + distance * dx, oy + distance * dy, oz + distance * dz] as const;
    points.push(...transform(toVehicle, hit));
  });
  return Float64Array.from(points);
}
