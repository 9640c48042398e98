// DDAD in its own files (DGP v1): ddad.json, scenes, calibrations, images and LiDAR clouds.
// Depth comes from the one LiDAR cloud of a moment, transformed by the sensors' own world poses;
// the nearest point wins.
//
//   ROOT/ddad.json                        splits: 0 TRAIN -> "train", 1 VAL -> "held-out"
//   ROOT/<scene>/scene_<sha1>.json        samples and data
//   ROOT/<scene>/calibration/<sha1>.json  intrinsics, poses sensor -> vehicle
//   ROOT/masks/<CAMERA>.png               optional: self-occlusion, white = usable, or 1 in a mask
//                                         of labels 0 and 1; without it all is usable
//
// Every path in these files is relative and must stay below ROOT after links are resolved.
import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { insideRoot, readInside } from "../formats/inside_root.ts";
import { readNpz } from "../formats/npz.ts";
import { InputError } from "../tensor/error.ts";
import { resizeIntrinsics, type ImageSize } from "./camera.ts";
import type { DataSource, Split } from "./data_source.ts";
import { readMoments, type Moment } from "./ddad_moments.ts";
import { readSceneSplits } from "./ddad_schema.ts";
import { groundTruth, splatPoints } from "./depth_map.ts";
import { decodeImage, IMAGE_LIMIT_BYTES } from "./image_file.ts";
import type { BadSamples } from "./loader.ts";
import { checkUsable, findMasks, type Masks } from "./masks.ts";
import { imageIdentity } from "./moment_identity.ts";
import { compose, inverse } from "./pose.ts";
import { checkedSample, type GroundTruth, type RigSample } from "./rig_sample.ts";

// A cloud of ten million points of four f64 has 320 MB.
const CLOUD_LIMIT_BYTES = 512 * 2 ** 20;

// Keys of scene_splits: the enum by number, as DDAD writes it, or by name.
const SPLIT_KEYS: { readonly [split in Split]: readonly string[] } = {
  train: ["0", "TRAIN"],
  "held-out": ["1", "VAL"],
};

/**
 * Opens the DDAD data set in folder `root`.
 *
 * Reads all JSON of the split. Throws InputError for a missing folder, a broken ddad.json or scene,
 * a scene that appears twice, and masks that are not read. A moment with a broken calibration or
 * reading, without a cloud, with two images of one camera or without one of the cameras: also
 * throws or, with `skip`, fails when it is read. Images and clouds are read when a sample is asked
 * for.
 */
export async function ddad(
  root: string,
  split: Split,
  badSamples: BadSamples = "stop",
): Promise<DataSource> {
  if (!existsSync(root)) throw new InputError(`ddad:${root}: no such folder`);
  const file = join(root, "ddad.json");
  const splits = await readSceneSplits(root);
  const key = SPLIT_KEYS[split].find((name) => splits.has(name));
  if (key === undefined) {
    throw new InputError(
      `${file}: scene_splits has no "${SPLIT_KEYS[split].join('" or "')}" (${split})`,
    );
  }
  const scenes = splits.get(key)!;
  const twice = firstTwice(scenes.map((scene) => posix.normalize(scene)));
  if (twice !== undefined)
    throw new InputError(`${file}: scene ${twice} appears twice in ${split}`);
  const allScenes = [...splits.values()].flat();
  const { moments, cameras } = await readMoments(root, scenes, allScenes, badSamples);
  if (moments.length === 0) throw new InputError(`${file}: split ${split} has no sample`);
  const masks = await findMasks(
    root,
    cameras.map(({ name }) => name),
  );
  const counted = scenes.length === 1 ? "1 scene" : `${scenes.length} scenes`;
  return {
    name: `ddad:${root}`,
    split,
    protocol: { name: "ddad", min_m: 0.1, cap_m: 200 },
    cameras,
    focalReference_px: 715.0873,
    canTrain: true,
    count: moments.length,
    sample: async (index, size) => {
      const moment = moments[index];
      if ("fault" in moment) throw moment.fault;
      return await readSample(root, moment, masks, size);
    },
    identify: async (index) => {
      const moment = moments[index];
      if ("fault" in moment) throw moment.fault;
      const files = moment.shots.map(async ({ file: image }) => await insideRoot(root, image));
      return await imageIdentity(moment.id, await Promise.all(files));
    },
    describe: () =>
      `DDAD in ${root}, ${moments.length} moments of ${counted}, ${cameras.length} cameras`,
  };
}

function firstTwice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

async function readSample(
  root: string,
  moment: Moment,
  masks: Masks,
  size: ImageSize,
): Promise<RigSample> {
  const views = moment.shots.length;
  const pixels = size.height * size.width;
  const images = new Uint8Array(views * pixels * 3);
  const usable = new Uint8Array(views * pixels).fill(1);
  const sparse_depth_m = new Float32Array(views * pixels);
  const points = await readCloud(root, moment.cloud.file, moment.cloud.columns);
  const truth: GroundTruth[] = [];
  const cameras = moment.shots.map(({ camera }) => resizeIntrinsics(camera, size));
  // Which failure is reported must not depend on which read is faster.
  const reads = await Promise.allSettled(
    moment.shots.map(async ({ camera, file, toWorld }, v) => {
      const bytes = await readInside(root, file, IMAGE_LIMIT_BYTES);
      images.set(await decodeImage(bytes, join(root, file), camera, size), v * pixels * 3);
      const mask = await masks.of(camera, size);
      if (mask) usable.set(mask, v * pixels);
      const toCamera = compose(inverse(toWorld), moment.cloud.toWorld);
      const sparse = sparse_depth_m.subarray(v * pixels, (v + 1) * pixels);
      splatPoints(sparse, cameras[v], toCamera, points, 3);
      const native = new Float32Array(camera.height * camera.width);
      splatPoints(native, camera, toCamera, points, 3);
      truth[v] = groundTruth(native, camera);
    }),
  );
  for (const read of reads) if (read.status === "rejected") throw read.reason;
  const { id, timestamp } = moment;
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

/** Points `[n, 3]` of a cloud in metres, in the sensor's frame. */
async function readCloud(
  root: string,
  path: string,
  pointFormat: readonly string[],
): Promise<Float64Array> {
  const file = join(root, path);
  const bytes = await readInside(root, path, CLOUD_LIMIT_BYTES);
  const { shape, data, fields } = readNpz(bytes, file, "data");
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
