// DDAD in its own files (DGP v1): ddad.json, scenes, calibrations, images and LiDAR clouds.
// Depth comes from the one LiDAR cloud of a moment, transformed by the sensors' own world poses.
//
//   ROOT/ddad.json                        splits: 0 TRAIN, 1 VAL, 2 TEST; nothing else of it is needed
//   ROOT/<scene>/scene_<sha1>.json        samples and data
//   ROOT/<scene>/calibration/<sha1>.json  intrinsics, poses sensor -> vehicle
//   ROOT/masks/...                        optional self-occlusion (scene_masks.ts)
//
// Every path in these files is relative and must stay below ROOT after links are resolved.
import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { readNpz } from "../formats/npz.ts";
import { InputError } from "../tensor/error.ts";
import type { DataSource, Split } from "./data_source.ts";
import { readMoments } from "./ddad_moments.ts";
import { readSceneSplits, type SceneSplits } from "./ddad_schema.ts";
import {
  countPoints,
  identifyLidarMoment,
  readLidarMoment,
  type BrokenMoment,
  type LidarMoment,
} from "./lidar_moment.ts";
import type { BadSamples } from "./loader.ts";
import type { ProjectionRule } from "./projection.ts";
import { findSceneMasks } from "./scene_masks.ts";
import { choiceFor, isListFile, readSampleList, type ListedSample } from "./source_spec.ts";

/** How to open DDAD, beside the split and what to do with broken moments. */
export interface DdadOptions {
  /** Split, list of sample ids, or two of them with a comma (default: train and val). */
  readonly choice?: string;
  /** How true depth is made from LiDAR (default: the nearest point of a pixel). */
  readonly rule?: ProjectionRule;
  /** Folder of projected depth, null to project every time (default). */
  readonly cache?: string | null;
}

// Keys of scene_splits: the enum by number, as DDAD writes it, or by name.
const SPLIT_KEYS: { readonly [split: string]: readonly string[] } = {
  train: ["0", "TRAIN"],
  val: ["1", "VAL"],
  test: ["2", "TEST"],
  train_overfit: ["3", "TRAIN_OVERFIT"],
};

/**
 * Opens the DDAD data set in folder `root`.
 *
 * Reads all JSON of the split. Throws InputError for a missing folder, a broken ddad.json or scene,
 * a scene that appears twice, a listed sample that no scene has, and masks that are not read. A
 * moment with a broken calibration or reading, without a cloud, with two images of one camera or
 * without one of the cameras: also throws or, with `skip`, fails when it is read. Images and clouds
 * are read when a sample is asked for.
 */
export async function ddad(
  root: string,
  split: Split,
  badSamples: BadSamples = "stop",
  { choice, rule = "nearest", cache = null }: DdadOptions = {},
): Promise<DataSource> {
  if (!existsSync(root)) throw new InputError(`ddad:${root}: no such folder`);
  const file = join(root, "ddad.json");
  const splits = await readSceneSplits(root);
  const usual = split === "train" ? "train" : "val";
  const chosen = choice === undefined ? usual : choiceFor(choice, split, `ddad:${root}`);
  const list = isListFile(chosen) ? await readSampleList(chosen) : null;
  const scenes = list === null ? scenesOf(splits, chosen, split, file) : everyScene(splits);
  const allScenes = [...splits.values()].flat();
  const read = await readMoments(root, scenes, allScenes, badSamples);
  const moments = list === null ? read.moments : listed(read.moments, list, badSamples);
  if (moments.length === 0) throw new InputError(`${file}: split ${chosen} has no sample`);
  const { cameras } = read;
  const names = cameras.map(({ name }) => name);
  const whole = moments.filter((moment): moment is LidarMoment => !("fault" in moment));
  const present = [...new Set(whole.map(({ scene }) => scene))];
  const masks = await findSceneMasks(root, names, present);
  const reading = { root, rule, cache, masks, points: readCloud };
  const at = (index: number): LidarMoment => {
    const moment = moments[index];
    if ("fault" in moment) throw moment.fault;
    return moment;
  };
  const count = list === null ? scenes.length : present.length;
  return {
    name: `ddad:${root}`,
    split,
    protocol: { name: "ddad", min_m: 0.1, cap_m: 200 },
    cameras,
    focalReference_px: 715.0873,
    canTrain: true,
    count: moments.length,
    sample: async (index, size) => await readLidarMoment(at(index), reading, size),
    identify: async (index) => await identifyLidarMoment(root, at(index)),
    countDepths: async (index) => await countPoints(reading, at(index)),
    describe: () =>
      `DDAD in ${root}, ${moments.length} moments of ${count === 1 ? "1 scene" : `${count} scenes`}, ` +
      `${cameras.length} cameras`,
  };
}

/** The scene files of a split by name; throws InputError if ddad.json does not have it. */
function scenesOf(
  splits: SceneSplits,
  chosen: string,
  split: Split,
  file: string,
): readonly string[] {
  if (chosen === "all") return everyScene(splits);
  const keys = SPLIT_KEYS[chosen.toLowerCase()] ?? [chosen];
  const key = keys.find((name) => splits.has(name));
  if (key === undefined) {
    throw new InputError(`${file}: scene_splits has no "${keys.join('" or "')}" (${split})`);
  }
  const scenes = splits.get(key)!;
  const twice = firstTwice(scenes.map((scene) => posix.normalize(scene)));
  if (twice === undefined) return scenes;
  throw new InputError(
    `${file}: scene ${twice} appears twice in ${chosen === "val" ? split : chosen}`,
  );
}

/** The scenes of every split, each once. */
function everyScene(splits: SceneSplits): string[] {
  return [
    ...new Map(
      [...splits.values()].flat().map((scene) => [posix.normalize(scene), scene]),
    ).values(),
  ];
}

function firstTwice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

/**
 * The moments of a list. A sample is named by its id or, as in the lists of SurroundDepth, by the time
 * stamp in the name of its images alone.
 */
function listed(
  moments: readonly (LidarMoment | BrokenMoment)[],
  list: readonly ListedSample[],
  badSamples: BadSamples,
): (LidarMoment | BrokenMoment)[] {
  const byName = new Map<string, LidarMoment[]>();
  const add = (name: string, moment: LidarMoment): void => {
    byName.set(name, [...(byName.get(name) ?? []), moment]);
  };
  let isBroken = false;
  for (const moment of moments) {
    if ("fault" in moment) {
      isBroken = true;
      continue;
    }
    add(moment.id, moment);
    add(posix.parse(moment.shots[0].file).name, moment);
  }
  return list.map(({ id, where }) => {
    const [moment, other] = byName.get(id) ?? [];
    if (other !== undefined) {
      throw new InputError(`${where}: ${id} is a sample of two scenes: ${moment.id}, ${other.id}`);
    }
    if (moment !== undefined) return moment;
    const fault = new InputError(`${where}: no scene of ddad.json has a sample ${id}`);
    // It may be one of the broken samples, whose names are not known.
    if (isBroken && badSamples === "skip") return { fault };
    throw fault;
  });
}

// The columns of a point format by number, as protobuf may write an enum.
const COLUMN_NUMBERS: { readonly [number: string]: string } = { 0: "X", 1: "Y", 2: "Z" };

/** Points `[n, 3]` of a cloud in metres, in the sensor's frame. */
function readCloud(bytes: Uint8Array, file: string, pointFormat: readonly string[]): Float64Array {
  const { shape, data, fields } = readNpz(bytes, file, "data");
  const width = shape[1] ?? 0;
  const written = pointFormat.map((name) => COLUMN_NUMBERS[name] ?? name);
  const names = fields ?? (written.length > 0 ? written : ["X", "Y", "Z"]);
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
