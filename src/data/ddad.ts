// DDAD in its own files (DGP v1): ddad.json, scenes, calibrations, images and LiDAR clouds.
// Depth is the moment's one cloud, moved by the sensors' own world poses, nearest point wins.
//
//   ROOT/ddad.json                        splits: 0 TRAIN -> "train", 1 VAL -> "held-out"
//   ROOT/<scene>/scene_<sha1>.json        samples and data
//   ROOT/<scene>/calibration/<sha1>.json  intrinsics, poses sensor -> vehicle
//   ROOT/masks/<CAMERA>.png               optional: self-occlusion, white = usable, else all usable
import { existsSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { readBytes } from "../formats/atomic_file.ts";
import { readNpz } from "../formats/npz.ts";
import { InputError } from "../tensor/error.ts";
import {
  checkedCamera,
  resizeIntrinsics,
  ringOrder,
  type Camera,
  type ImageSize,
} from "./camera.ts";
import {
  readCalibration,
  readScene,
  readSceneSplits,
  type CalibratedSensor,
  type Datum,
} from "./ddad_schema.ts";
import type { DataSource, Split } from "./data_source.ts";
import { groundTruth, splatPoints } from "./depth_map.ts";
import { readImage, readMask } from "./image_file.ts";
import { compose, inverse, type Pose } from "./pose.ts";
import { checkedSample, type GroundTruth, type RigSample } from "./rig_sample.ts";

/** One camera of a moment: calibration at native size, image file and pose camera -> world. */
interface Shot {
  readonly camera: Camera;
  readonly file: string;
  readonly toWorld: Pose;
}

/** One moment as files: its shots in ring order and its cloud. */
interface Moment {
  readonly id: string;
  readonly timestamp: string;
  readonly shots: readonly Shot[];
  readonly cloud: {
    readonly file: string;
    readonly toWorld: Pose;
    readonly columns: readonly string[];
  };
}

// Keys of scene_splits: the enum by number, as DDAD writes it, or by name.
const SPLIT_KEYS: { readonly [split in Split]: readonly string[] } = {
  train: ["0", "TRAIN"],
  "held-out": ["1", "VAL"],
};

/**
 * Opens the DDAD data set in folder `root`.
 *
 * Reads all JSON of the split. Throws InputError for a missing folder or file, a broken one, a
 * reading of a camera that the calibration does not know, and a moment without cloud or without one
 * of the cameras. Images and clouds are read when a sample is asked for.
 */
export async function ddad(root: string, split: Split): Promise<DataSource> {
  if (!existsSync(root)) throw new InputError(`ddad:${root}: no such folder`);
  const file = join(root, "ddad.json");
  const splits = await readSceneSplits(file);
  const key = SPLIT_KEYS[split].find((name) => splits.has(name));
  if (key === undefined) {
    throw new InputError(
      `${file}: scene_splits has no "${SPLIT_KEYS[split].join('" or "')}" (${split})`,
    );
  }
  const scenes = splits.get(key)!;
  const moments: Moment[] = [];
  for (const scene of scenes) moments.push(...(await readMoments(join(root, scene))));
  const first = moments[0];
  if (!first) throw new InputError(`${file}: split ${split} has no sample`);
  const cameras = first.shots.map(({ camera }) => camera);
  for (const moment of moments) checkSameCameras(moment, cameras);
  const counted = scenes.length === 1 ? "1 scene" : `${scenes.length} scenes`;
  return {
    name: `ddad:${root}`,
    split,
    protocol: { name: "ddad", min_m: 0.1, cap_m: 200 },
    cameras,
    focalReference_px: 715.0873,
    canTrain: true,
    count: moments.length,
    sample: async (index, size) => readSample(root, moments[index], size),
    describe: () =>
      `DDAD in ${root}, ${moments.length} ${split} moments of ${counted}, ${cameras.length} cameras`,
  };
}

async function readMoments(sceneFile: string): Promise<Moment[]> {
  const folder = dirname(sceneFile);
  const calibrations = new Map<string, CalibratedSensor[]>();
  const moments: Moment[] = [];
  for (const [index, { data, calibrationKey }] of (await readScene(sceneFile)).entries()) {
    const calibrationFile = join(folder, "calibration", `${calibrationKey}.json`);
    let sensors = calibrations.get(calibrationKey);
    if (!sensors)
      calibrations.set(calibrationKey, (sensors = await readCalibration(calibrationFile)));
    const where = `${sceneFile}: samples[${index}]`;
    const cloud = data.find(({ kind }) => kind === "point_cloud");
    if (!cloud) throw new InputError(`${where}: no point cloud`);
    const images = data.filter(({ kind }) => kind === "image");
    const byCamera = new Map<Camera, Datum>();
    for (const image of images)
      byCamera.set(cameraOf(image, sensors, where, calibrationFile), image);
    const shots = ringOrder([...byCamera.keys()]).map((camera) => {
      const image = byCamera.get(camera)!;
      return { camera, file: join(folder, image.filename), toWorld: image.pose };
    });
    const front = shots[0];
    if (!front) throw new InputError(`${where}: no image`);
    moments.push({
      id: `${basename(folder)}/${basename(front.file, extname(front.file))}`,
      timestamp: byCamera.get(front.camera)!.timestamp,
      shots,
      cloud: {
        file: join(folder, cloud.filename),
        toWorld: cloud.pose,
        columns: cloud.point_format,
      },
    });
  }
  return moments;
}

function cameraOf(
  image: Datum,
  sensors: readonly CalibratedSensor[],
  where: string,
  calibrationFile: string,
): Camera {
  // DGP compares the names of sensors without regard to case.
  const sensor = sensors.find(({ name }) => name.toLowerCase() === image.name.toLowerCase());
  if (!sensor) {
    const known = sensors.map(({ name }) => name).join(", ");
    throw new InputError(`${where}: unknown camera ${image.name}; ${calibrationFile} has ${known}`);
  }
  const { name, fx, fy, cx, cy, pose } = sensor;
  return checkedCamera(
    { name, width: image.width, height: image.height, fx, fy, cx, cy, ...pose },
    where,
  );
}

function checkSameCameras(moment: Moment, cameras: readonly Camera[]): void {
  const names = (list: readonly Camera[]): string => list.map(({ name }) => name).join(", ");
  const own = names(moment.shots.map(({ camera }) => camera));
  if (own !== names(cameras)) {
    throw new InputError(
      `sample ${moment.id}: cameras ${own}; the first sample has ${names(cameras)}`,
    );
  }
}

async function readSample(root: string, moment: Moment, size: ImageSize): Promise<RigSample> {
  const views = moment.shots.length;
  const pixels = size.height * size.width;
  const images = new Uint8Array(views * pixels * 3);
  const usable = new Uint8Array(views * pixels).fill(1);
  const sparse_depth_m = new Float32Array(views * pixels);
  const points = await readCloud(moment.cloud.file, moment.cloud.columns);
  const truth: GroundTruth[] = [];
  const cameras = moment.shots.map(({ camera }) => resizeIntrinsics(camera, size));
  await Promise.all(
    moment.shots.map(async ({ camera, file, toWorld }, v) => {
      images.set(await readImage(file, camera, size), v * pixels * 3);
      const mask = join(root, "masks", `${camera.name}.png`);
      if (existsSync(mask)) usable.set(await readMask(mask, camera, size), v * pixels);
      const toCamera = compose(inverse(toWorld), moment.cloud.toWorld);
      const sparse = sparse_depth_m.subarray(v * pixels, (v + 1) * pixels);
      splatPoints(sparse, cameras[v], toCamera, points, 3);
      const native = new Float32Array(camera.height * camera.width);
      splatPoints(native, camera, toCamera, points, 3);
      truth[v] = groundTruth(native, camera);
    }),
  );
  const { id, timestamp } = moment;
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

/** Points `[n, 3]` of a cloud in metres, in the frame its pose leads from. */
async function readCloud(file: string, pointFormat: readonly string[]): Promise<Float64Array> {
  const arrays = readNpz(await readBytes(file), file);
  const array = arrays.get("data") ?? [...arrays.values()][0];
  if (!array) throw new InputError(`${file}: no array in it; expected a point cloud "data"`);
  const { shape, data, fields } = array;
  const width = shape[1] ?? 0;
  const names = fields ?? (pointFormat.length > 0 ? pointFormat : ["X", "Y", "Z"]);
  const columns = ["X", "Y", "Z"].map((name) => names.indexOf(name));
  if (shape.length !== 2 || columns.some((column) => column < 0 || column >= width)) {
    throw new InputError(
      `${file}: array [${shape.join(", ")}] with columns ${names.join(", ")}; expected points [n, 3] ` +
        `or wider with X, Y and Z`,
    );
  }
  const points = new Float64Array(shape[0] * 3);
  for (let point = 0; point < shape[0]; point++) {
    columns.forEach((column, axis) => {
      const value = Number(data[point * width + column]);
      if (!Number.isFinite(value)) {
        throw new InputError(`${file}: ${"XYZ"[axis]} of point ${point} is ${value}`);
      }
      points[point * 3 + axis] = value;
    });
  }
  return points;
}
