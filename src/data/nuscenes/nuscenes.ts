// nuScenes in its own files: tables, images of six cameras and one LiDAR, 2 Hz keyframes.
// Depth comes from the one cloud of a keyframe. It goes sensor -> vehicle -> world with the vehicle's
// pose at the time of the LiDAR, and back with the pose at the time of each image, in f64.
//
//   ROOT/<version>/*.json             tables (tables.ts)
//   ROOT/samples/<CHANNEL>/...        images; clouds of f32 x, y, z, intensity, ring, no header
//   ROOT/<version>/splits.json        optional: {"split": ["scene-0001", ...]}
//   ROOT/nuscenes_mask/<CHANNEL>_mask.png   optional self-occlusion as VFDepth has it, white = usable;
//                                           or mask/ or masks/
//
// Every path in these files is relative and must stay below ROOT after links are resolved.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { checkRelative } from "../../formats/inside_root.ts";
import { InputError } from "../../tensor/error.ts";
import { checkedCamera, ringOrder, type Camera } from "../camera.ts";
import type { DataSource, Split } from "../data_source.ts";
import { readJson } from "../json_file.ts";
import {
  countPoints,
  identifyLidarMoment,
  readLidarMoment,
  type BrokenMoment,
  type LidarMoment,
} from "../lidar_moment.ts";
import type { BadSamples } from "../loader.ts";
import { findMasks, type MaskFolder } from "../masks.ts";
import { compose, inverse } from "../pose.ts";
import type { ProjectionRule } from "../projection.ts";
import { choiceFor, isListFile, readSampleList } from "../source_spec.ts";
import { readCloud } from "./cloud.ts";
import {
  checkVersion,
  isOfficialSplit,
  officialScenes,
  splitsOfVersion,
  usualSplit,
} from "./splits.ts";
import { sharedTables } from "./shared_tables.ts";
import type { Keyframe, Reading, TableProgress, Tables } from "./tables.ts";

/** How to open nuScenes. */
export interface NuscenesOptions {
  readonly split: Split;
  /** The version, such as v1.0-mini; may be left out if the folder has only one. */
  readonly version?: string;
  /** Split, list of sample tokens, or two of them with a comma (default: those of the version). */
  readonly choice?: string;
  /** How true depth is made from LiDAR (default: as SurroundDepth does). */
  readonly rule?: ProjectionRule;
  readonly badSamples?: BadSamples;
  /** Folder of projected depth, null to project every time (default). */
  readonly cache?: string | null;
  readonly onProgress?: TableProgress;
}

/** The chosen keyframes of a folder of nuScenes. */
export interface NuscenesChoice {
  readonly tables: Tables;
  readonly keyframes: readonly Keyframe[];
}

const LIDAR = "LIDAR_TOP";
const VFDEPTH_MASKS: MaskFolder = { name: /^nuscenes_masks?$/i, ignoresAlpha: true };

const splitsFile = z.record(z.string(), z.array(z.string()));

/**
 * Opens nuScenes in folder `root`.
 *
 * Throws InputError for a missing folder, version or table, a broken table, a split that the version
 * does not have and a sample that is not in the tables. A keyframe without LiDAR, without one of the
 * cameras or with a broken calibration: also throws or, with `skip`, fails when it is read. Images and
 * clouds are read when a sample is asked for.
 */
export async function nuscenes(root: string, options: NuscenesOptions): Promise<DataSource> {
  const { split, badSamples = "stop", rule = "surrounddepth", cache = null } = options;
  const { tables, keyframes } = await chooseKeyframes(root, options);
  const found = keyframes.map(momentOf);
  const whole = found.filter((moment): moment is LidarMoment => !("fault" in moment));
  const first = found[0];
  if ("fault" in first && (badSamples === "stop" || whole.length === 0)) throw first.fault;
  const cameras = whole[0].shots.map(({ camera }) => camera);
  const moments = found.map((moment) => withSameCameras(moment, cameras));
  for (const moment of moments) {
    if ("fault" in moment && badSamples === "stop") throw moment.fault;
  }
  const names = cameras.map(({ name }) => name);
  const masks = await findMasks(root, names, [VFDEPTH_MASKS]);
  const reading = { root, rule, cache, masks, points: readCloud };
  const at = (index: number): LidarMoment => {
    const moment = moments[index];
    if ("fault" in moment) throw moment.fault;
    return moment;
  };
  const scenes = new Set(keyframes.map(({ scene }) => scene)).size;
  return {
    name: `nuscenes:${root}`,
    split,
    protocol: { name: "nuscenes", min_m: 0.1, cap_m: 80 },
    cameras,
    focalReference_px: 500,
    canTrain: true,
    count: moments.length,
    sample: async (index, size) => await readLidarMoment(at(index), reading, size),
    identify: async (index) => await identifyLidarMoment(root, at(index)),
    countDepths: async (index) => await countPoints(reading, at(index)),
    describe: () =>
      `nuScenes ${tables.version} in ${root}, ${moments.length} moments of ` +
      `${scenes === 1 ? "1 scene" : `${scenes} scenes`}, ${cameras.length} cameras`,
  };
}

/** Reads the tables and picks keyframes; throws InputError as `nuscenes` does. */
async function chooseKeyframes(
  root: string,
  options: Pick<NuscenesOptions, "split" | "version" | "choice" | "onProgress">,
): Promise<NuscenesChoice> {
  const { split, onProgress } = options;
  if (!existsSync(root)) throw new InputError(`nuscenes:${root}: no such folder`);
  const version = options.version ?? (await onlyVersion(root));
  if (!existsSync(join(root, version))) {
    throw new InputError(`nuscenes:${root}: no tables of ${version}; expected ${root}/${version}`);
  }
  const where = `nuscenes:${root}@${version}`;
  const custom = await customSplits(root, version);
  const usual = custom.has(usualName(split)) ? usualName(split) : usualSplit(version, split);
  if (options.choice === undefined && usual === null) {
    throw new InputError(
      `${where}: is not an official version, so its splits are unknown; name one after the version ` +
        `(a split of ${version}/splits.json, a list of sample tokens, or all)`,
    );
  }
  const choice = options.choice === undefined ? usual! : choiceFor(options.choice, split, where);
  const list = isListFile(choice) ? await readSampleList(choice) : null;
  const names = list === null ? sceneNames(choice, version, custom, where) : null;
  const tables = await sharedTables(root, version, onProgress);
  const all = tables.scenes.flatMap(({ keyframes }) => keyframes);
  if (list === null) {
    if (custom.has(choice)) checkScenes(tables, choice, custom.get(choice)!, join(root, version));
    const keyframes = all.filter(({ scene }) => names === null || names.has(scene));
    if (keyframes.length === 0) throw new InputError(`${where}: split ${choice} has no sample`);
    return { tables, keyframes };
  }
  const byToken = new Map(all.map((keyframe) => [keyframe.token, keyframe]));
  const keyframes = list.map(({ id, where: line }) => {
    const keyframe = byToken.get(id);
    if (keyframe !== undefined) return keyframe;
    throw new InputError(`${line}: ${version}/sample.json has no record with token ${id}`);
  });
  return { tables, keyframes };
}

/** Throws InputError for a scene of an own split that the tables do not have. */
function checkScenes(
  { scenes }: Tables,
  split: string,
  names: ReadonlySet<string>,
  folder: string,
): void {
  const known = new Set(scenes.map(({ name }) => name));
  const missing = [...names].find((name) => !known.has(name));
  if (missing === undefined) return;
  throw new InputError(
    `${join(folder, "splits.json")}: ${split}: scene.json has no scene ${missing}`,
  );
}

/** The versions whose tables are in `root`, by name. */
async function versionsIn(root: string): Promise<string[]> {
  const entries = await readdir(root).catch((): string[] => []);
  return entries.filter((name) => existsSync(join(root, name, "sample_data.json"))).toSorted();
}

async function onlyVersion(root: string): Promise<string> {
  const versions = await versionsIn(root);
  if (versions.length === 1) return versions[0];
  throw new InputError(
    versions.length === 0
      ? `nuscenes:${root}: no folder of tables, such as v1.0-mini with sample_data.json in it`
      : `nuscenes:${root}: has ${versions.join(" and ")}; name one, as in nuscenes:${root}@${versions[0]}`,
  );
}

function usualName(split: Split): "train" | "val" {
  return split === "train" ? "train" : "val";
}

/** The splits of ROOT/<version>/splits.json; none without that file. */
async function customSplits(
  root: string,
  version: string,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const name = `${version}/splits.json`;
  if (!existsSync(join(root, name))) return new Map();
  const splits = await readJson(root, name, splitsFile);
  return new Map(Object.entries(splits).map(([split, scenes]) => [split, new Set(scenes)]));
}

/** The scenes of a split by name, null for all. */
function sceneNames(
  choice: string,
  version: string,
  custom: ReadonlyMap<string, ReadonlySet<string>>,
  where: string,
): ReadonlySet<string> | null {
  if (choice === "all") return null;
  const own = custom.get(choice);
  if (own !== undefined) return own;
  if (!isOfficialSplit(choice)) {
    const known = [...custom.keys(), ...splitsOfVersion(version), "all"];
    throw new InputError(
      `${where}: unknown split ${choice}; expected ${known.join(", ")} or a file with sample tokens`,
    );
  }
  checkVersion(choice, version, where);
  return officialScenes(choice);
}

/** The files of a keyframe, or the reason why it cannot be read. */
function momentOf(keyframe: Keyframe): LidarMoment | BrokenMoment {
  try {
    return placed(keyframe);
  } catch (error) {
    if (error instanceof InputError) return { fault: error };
    throw error;
  }
}

function placed({ token, timestamp, scene, readings }: Keyframe): LidarMoment {
  const all = [...readings.values()];
  const lidars = all.filter(({ sensor }) => sensor.modality === "lidar");
  const lidar = readings.get(LIDAR) ?? (lidars.length === 1 ? lidars[0] : undefined);
  if (lidar === undefined) {
    const found = lidars.length === 0 ? "no LiDAR" : `${lidars.length} LiDARs, none is ${LIDAR}`;
    throw new InputError(`sample ${token} of ${scene}: ${found} among its keyframes`);
  }
  checkRelative(lidar.filename, `${lidar.where}: filename`);
  const lidarToWorld = compose(lidar.vehicle, lidar.sensor.pose);
  const byCamera = new Map<Camera, Reading>();
  for (const reading of all)
    if (reading.sensor.intrinsics) byCamera.set(cameraOf(reading), reading);
  if (byCamera.size === 0) throw new InputError(`sample ${token} of ${scene}: no image`);
  const shots = ringOrder([...byCamera.keys()]).map((camera) => {
    const { filename, vehicle, where } = byCamera.get(camera)!;
    checkRelative(filename, `${where}: filename`);
    const cameraToWorld = compose(vehicle, camera);
    return { camera, file: filename, cloudToCamera: compose(inverse(cameraToWorld), lidarToWorld) };
  });
  const id = `${scene}/${token}`;
  return { id, timestamp, scene, shots, cloud: lidar.filename, columns: [] };
}

function cameraOf({ sensor, width, height, where }: Reading): Camera {
  const { channel, pose, intrinsics } = sensor;
  return checkedCamera({ name: channel, width, height, ...intrinsics!, ...pose }, where);
}

function withSameCameras(
  moment: LidarMoment | BrokenMoment,
  cameras: readonly Camera[],
): LidarMoment | BrokenMoment {
  if ("fault" in moment) return moment;
  const [own, expected] = [moment.shots.map(({ camera }) => camera), cameras].map((list) =>
    list.map(({ name }) => name).join(", "),
  );
  if (own === expected) return moment;
  return {
    fault: new InputError(`sample ${moment.id}: cameras ${own}; other samples have ${expected}`),
  };
}
