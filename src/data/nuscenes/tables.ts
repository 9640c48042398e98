// The tables of nuScenes that depth needs, read as streams: sample_data and ego_pose of the whole set
// have 2.6 million rows each, of which the keyframes of cameras and LiDAR are kept. Source: the
// devkit's docs/schema_nuscenes.md.
//
//   ROOT/<version>/{sensor,calibrated_sensor,scene,sample,sample_data,ego_pose}.json
//
// calibrated_sensor maps sensor -> vehicle, ego_pose vehicle -> world, one per reading: cameras and
// LiDAR have poses of their own, because the vehicle moves between them. log.json is not needed.
import { join } from "node:path";
import { readTable, type JsonRecord } from "../../formats/json_table.ts";
import { InputError } from "../../tensor/error.ts";
import { checkedPose, type Pose, type Quaternion, type Vector } from "../pose.ts";

/** The tables that are read, in this order. */
export const TABLES = [
  "sensor",
  "calibrated_sensor",
  "scene",
  "sample",
  "sample_data",
  "ego_pose",
] as const;

/** Told the progress of reading a table: its name and the bytes read so far and in all. */
export type TableProgress = (table: string, read_bytes: number, total_bytes: number) => void;

/** A sensor as mounted in one scene. */
export interface Sensor {
  readonly channel: string;
  readonly modality: "camera" | "lidar" | "radar";
  /** Sensor -> vehicle. */
  readonly pose: Pose;
  /** fx, fy, cx, cy in pixels; null unless it is a camera. */
  readonly intrinsics: Intrinsics | null;
}

interface Intrinsics {
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
}

/** A reading at a keyframe. */
export interface Reading {
  readonly sensor: Sensor;
  /** Relative to the root. */
  readonly filename: string;
  /** Pixels of an image; 0 for LiDAR. */
  readonly width: number;
  readonly height: number;
  /** Vehicle -> world at the time of the reading. */
  readonly vehicle: Pose;
  /** File and record, for errors. */
  readonly where: string;
}

/** A moment: its readings by channel. */
export interface Keyframe {
  readonly token: string;
  /** Microseconds. */
  readonly timestamp: string;
  readonly scene: string;
  readonly readings: ReadonlyMap<string, Reading>;
}

/** A scene with its keyframes in order. */
export interface Scene {
  readonly name: string;
  readonly keyframes: readonly Keyframe[];
}

/** The tables of one version. */
export interface Tables {
  readonly version: string;
  readonly scenes: readonly Scene[];
  /** Rows of each table that was read. */
  readonly rows: Readonly<Record<string, number>>;
}

/**
 * Reads the tables in `root`/`version`. Throws InputError, naming table, record and field, for a
 * missing or broken table, a token that appears twice or that no record has, a scene whose chain of
 * samples is broken, and two keyframes of one channel in a sample.
 */
export async function readTables(
  root: string,
  version: string,
  onProgress?: TableProgress,
): Promise<Tables> {
  const rows: Record<string, number> = {};
  const read = async (
    table: (typeof TABLES)[number],
    fields: readonly string[],
    onRecord: (record: JsonRecord) => void,
  ): Promise<void> => {
    const tokens = new Set<string>();
    const name = `${version}/${table}.json`;
    const checked = (record: JsonRecord): void => {
      const token = record.token("token");
      if (tokens.size === tokens.add(token).size) {
        throw new InputError(`${record.where("token")}: ${token} appears twice in the table`);
      }
      onRecord(record);
    };
    rows[table] = await readTable(root, name, ["token", ...fields], checked, {
      onProgress: (done, total) => onProgress?.(table, done, total),
    });
  };
  const sensors = await readSensors(read);
  const scenes = await readScenes(read);
  const samples = await readSamples(read);
  const readings = await readReadings(read, sensors, samples);
  return { version, rows, scenes: chained(join(root, version), scenes, samples, readings) };
}

type Read = (
  table: (typeof TABLES)[number],
  fields: readonly string[],
  onRecord: (record: JsonRecord) => void,
) => Promise<void>;

async function readSensors(read: Read): Promise<ReadonlyMap<string, Sensor>> {
  const kinds = new Map<string, Pick<Sensor, "channel" | "modality">>();
  await read("sensor", ["channel", "modality"], (record) => {
    const modality = record.text("modality");
    if (modality !== "camera" && modality !== "lidar" && modality !== "radar") {
      throw new InputError(`${record.where("modality")}: expected camera, lidar or radar`);
    }
    kinds.set(record.token("token"), { channel: record.token("channel"), modality });
  });
  const sensors = new Map<string, Sensor>();
  const fields = ["sensor_token", "translation", "rotation", "camera_intrinsic"];
  await read("calibrated_sensor", fields, (record) => {
    const kind = found(kinds, record, "sensor_token", "sensor");
    const isCamera = kind.modality === "camera";
    const intrinsics = isCamera ? intrinsicsOf(record) : null;
    sensors.set(record.token("token"), { ...kind, pose: poseOf(record), intrinsics });
  });
  return sensors;
}

interface SceneRow {
  readonly name: string;
  readonly first: string;
  readonly last: string;
  readonly where: string;
}

async function readScenes(read: Read): Promise<ReadonlyMap<string, SceneRow>> {
  const scenes = new Map<string, SceneRow>();
  const names = new Set<string>();
  await read("scene", ["name", "first_sample_token", "last_sample_token"], (record) => {
    const name = record.token("name");
    if (names.size === names.add(name).size) {
      throw new InputError(`${record.where("name")}: scene ${name} appears twice`);
    }
    scenes.set(record.token("token"), {
      name,
      first: record.token("first_sample_token"),
      last: record.token("last_sample_token"),
      where: record.where("first_sample_token"),
    });
  });
  return scenes;
}

interface SampleRow {
  readonly token: string;
  readonly timestamp: string;
  readonly scene: string;
  readonly next: string;
  readonly where: string;
}

async function readSamples(read: Read): Promise<ReadonlyMap<string, SampleRow>> {
  const samples = new Map<string, SampleRow>();
  await read("sample", ["timestamp", "scene_token", "next"], (record) => {
    const token = record.token("token");
    samples.set(token, {
      token,
      timestamp: record.digits("timestamp"),
      scene: record.token("scene_token"),
      next: record.text("next"),
      where: record.where("next"),
    });
  });
  return samples;
}

/** The readings of each sample by channel. */
async function readReadings(
  read: Read,
  sensors: ReadonlyMap<string, Sensor>,
  samples: ReadonlyMap<string, unknown>,
): Promise<ReadonlyMap<string, ReadonlyMap<string, Reading>>> {
  interface Row extends Omit<Reading, "vehicle"> {
    readonly sample: string;
    readonly ego: string;
  }
  const rows: Row[] = [];
  const poses = new Map<string, Pose | null>();
  const fields = [
    "sample_token",
    "ego_pose_token",
    "calibrated_sensor_token",
    "filename",
    "width",
    "height",
    "is_key_frame",
  ];
  await read("sample_data", fields, (record) => {
    // Other readings belong to the sample that follows; they have no LiDAR of their own moment.
    if (!record.flag("is_key_frame")) return;
    const sensor = found(sensors, record, "calibrated_sensor_token", "calibrated_sensor");
    if (sensor.modality === "radar") return;
    found(samples, record, "sample_token", "sample");
    const isCamera = sensor.modality === "camera";
    const ego = record.token("ego_pose_token");
    poses.set(ego, null);
    rows.push({
      sensor,
      filename: record.token("filename"),
      width: isCamera ? record.number("width") : 0,
      height: isCamera ? record.number("height") : 0,
      where: record.place,
      sample: record.token("sample_token"),
      ego,
    });
  });
  await read("ego_pose", ["translation", "rotation"], (record) => {
    const token = record.token("token");
    if (poses.has(token)) poses.set(token, poseOf(record));
  });
  const readings = new Map<string, Map<string, Reading>>();
  for (const { sample, ego, ...row } of rows) {
    const vehicle = poses.get(ego)!;
    if (vehicle === null) throw unknown(`${row.where}: ego_pose_token`, ego, "ego_pose");
    const { channel } = row.sensor;
    const own = readings.get(sample) ?? new Map<string, Reading>();
    if (own.has(channel)) {
      throw new InputError(
        `${row.where}: sample_token: sample ${sample} has two keyframes of ${channel}`,
      );
    }
    readings.set(sample, own.set(channel, { ...row, vehicle }));
  }
  return readings;
}

/** The scenes with their samples, first to last, along `next`. */
function chained(
  folder: string,
  scenes: ReadonlyMap<string, SceneRow>,
  samples: ReadonlyMap<string, SampleRow>,
  readings: ReadonlyMap<string, ReadonlyMap<string, Reading>>,
): Scene[] {
  const placed = new Set<string>();
  const chains = [...scenes].map(([token, { name, first, last, where }]) => {
    const keyframes: Keyframe[] = [];
    for (let [next, from] = [first, where]; next !== "";) {
      const sample = samples.get(next);
      if (sample === undefined) throw unknown(from, next, "sample");
      if (sample.scene !== token || placed.has(next)) {
        throw new InputError(`${from}: sample ${next} is not the next sample of scene ${name}`);
      }
      placed.add(next);
      const { timestamp } = sample;
      const own = readings.get(next) ?? new Map<string, Reading>();
      keyframes.push({ token: next, timestamp, scene: name, readings: own });
      [next, from] = [sample.next, sample.where];
    }
    if (keyframes.at(-1)?.token !== last) {
      throw new InputError(
        `${where}: the samples of scene ${name} do not end at its last_sample_token ${last}`,
      );
    }
    return { name, keyframes };
  });
  for (const { token, where } of samples.values()) {
    if (placed.has(token)) continue;
    throw new InputError(`${where}: no scene of ${folder} leads to sample ${token}`);
  }
  return chains;
}

function found<T>(
  table: ReadonlyMap<string, T>,
  record: JsonRecord,
  field: string,
  name: string,
): T {
  const token = record.token(field);
  const row = table.get(token);
  if (row === undefined) throw unknown(record.where(field), token, name);
  return row;
}

function unknown(where: string, token: string, table: string): InputError {
  return new InputError(`${where}: ${table}.json has no record with token ${token}`);
}

function poseOf(record: JsonRecord): Pose {
  const rotation = record.vector("rotation", 4) as unknown as Quaternion;
  const translation_m = record.vector("translation", 3) as unknown as Vector;
  return checkedPose({ rotation, translation_m }, record.where("rotation"));
}

function intrinsicsOf(record: JsonRecord): Intrinsics {
  const matrix = record.matrix("camera_intrinsic", 3);
  if (matrix === null) {
    throw new InputError(
      `${record.where("camera_intrinsic")}: is empty; expected 3 x 3 for a camera`,
    );
  }
  const [[fx, skew, cx], [zero, fy, cy], last] = matrix;
  if (skew !== 0 || zero !== 0 || last.join() !== "0,0,1") {
    throw new InputError(
      `${record.where("camera_intrinsic")}: expected [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]`,
    );
  }
  return { fx, fy, cx, cy };
}
