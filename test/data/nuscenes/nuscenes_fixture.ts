// Writes a tiny nuScenes (v1.0-mini) to a folder, for tests to read and to damage: two cameras of 64 x
// 32 pixels, front and back, two scenes of two samples, one of each official split. The vehicle drives
// between LiDAR and images.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { writeCloud } from "../../../src/data/nuscenes/cloud.ts";

/** A record of a table. */
export type Row = Record<string, unknown>;

/** The tables of the fixture, by name. */
export type TableSet = Record<string, Row[]>;

const HALF = Math.SQRT1_2;
/** Sensor -> vehicle: a quaternion [w, x, y, z] and metres. */
const MOUNTS = {
  CAM_FRONT: { rotation: [0.5, -0.5, 0.5, -0.5], translation: [1.5, 0, 1.5] },
  CAM_BACK: { rotation: [0.5, -0.5, -0.5, 0.5], translation: [0, 0, 1.5] },
  // Its y axis looks forward.
  LIDAR_TOP: { rotation: [HALF, 0, 0, -HALF], translation: [1, 0, 1.8] },
  RADAR_FRONT: { rotation: [1, 0, 0, 0], translation: [3, 0, 0.5] },
} as const;

/** Pinhole of both cameras. */
const INTRINSIC = [
  [40, 0, 31.5],
  [0, 40, 15.5],
  [0, 0, 1],
] as const;

/** Points in the frame of the LiDAR: 20 and 10 m ahead of it on one ray, and 8 m behind. */
export const POINTS = [0, 20, -0.3, 0, 10, -0.3, 0, -8, -0.3] as const;

/** Vehicle -> world at the time of a reading: it drives 1 m along its x between LiDAR and images. */
const VEHICLE = {
  lidar: { rotation: [HALF, 0, 0, HALF], translation: [411.25, 1180.5, 0] },
  camera: { rotation: [HALF, 0, 0, HALF], translation: [411.25, 1181.5, 0] },
} as const;

/** A token of 32 digits, the same for the same text. */
export function token(text: string): string {
  return Buffer.from(text).toString("hex").padEnd(32, "0").slice(-32);
}

const SCENES = { "scene-0061": "a", "scene-0103": "b" } as const;

/** The tables, in which each scene has samples 0 and 1. */
function tables(): TableSet {
  const channels = Object.keys(MOUNTS) as (keyof typeof MOUNTS)[];
  const set: TableSet = {
    sensor: channels.map((channel) => ({
      token: token(`s ${channel}`),
      channel,
      modality: channel.startsWith("CAM") ? "camera" : channel.split("_")[0].toLowerCase(),
    })),
    calibrated_sensor: channels.map((channel) => ({
      token: token(`c ${channel}`),
      sensor_token: token(`s ${channel}`),
      ...MOUNTS[channel],
      camera_intrinsic: channel.startsWith("CAM") ? INTRINSIC : [],
    })),
    log: [{ token: token("log"), logfile: "n015", vehicle: "n015", location: "\u00fcber" }],
    ego_pose: [],
    scene: [],
    sample: [],
    sample_data: [],
  };
  for (const [name, letter] of Object.entries(SCENES)) {
    const of = (index: number): string => token(`${letter} sample ${index}`);
    set["scene"].push({
      token: token(name),
      log_token: token("log"),
      name,
      description: 'turns "left", \\ waits',
      nbr_samples: 2,
      first_sample_token: of(0),
      last_sample_token: of(1),
    });
    for (const index of [0, 1]) {
      const timestamp = 1532402927612460 + index * 500_000;
      set["sample"].push({
        token: of(index),
        timestamp,
        prev: index === 0 ? "" : of(0),
        next: index === 0 ? of(1) : "",
        scene_token: token(name),
      });
      for (const channel of channels) {
        for (const isKey of [true, false]) addReading(set, channel, letter, index, isKey);
      }
    }
  }
  return set;
}

function addReading(
  set: TableSet,
  channel: keyof typeof MOUNTS,
  letter: string,
  index: number,
  isKey: boolean,
): void {
  const isCamera = channel.startsWith("CAM");
  const own = token(`${letter}${index}${isKey ? "k" : "s"} ${channel}`);
  const ending = isCamera ? "jpg" : "pcd.bin";
  set["sample_data"].push({
    token: own,
    sample_token: token(`${letter} sample ${index}`),
    ego_pose_token: own,
    calibrated_sensor_token: token(`c ${channel}`),
    timestamp: 1532402927612460,
    fileformat: isCamera ? "jpg" : "pcd",
    is_key_frame: isKey,
    height: isCamera ? 32 : 0,
    width: isCamera ? 64 : 0,
    filename: `${isKey ? "samples" : "sweeps"}/${channel}/${letter}${index}.${ending}`,
    prev: "",
    next: "",
  });
  const pose = VEHICLE[isCamera ? "camera" : "lidar"];
  set["ego_pose"].push({ token: own, timestamp: 1532402927612460, ...pose });
}

/** Writes the data set below `root`; `change` may damage its tables first. */
export async function writeNuscenes(
  root: string,
  change: (set: TableSet) => void = () => {},
): Promise<void> {
  const set = tables();
  change(set);
  for (const [name, rows] of Object.entries(set)) {
    write(join(root, "v1.0-mini", `${name}.json`), JSON.stringify(rows, null, 0));
  }
  const front = await jpeg({ r: 200, g: 30, b: 30 });
  const back = await jpeg({ r: 30, g: 30, b: 200 });
  for (const letter of Object.values(SCENES)) {
    for (const index of [0, 1]) {
      write(join(root, `samples/CAM_FRONT/${letter}${index}.jpg`), front);
      write(join(root, `samples/CAM_BACK/${letter}${index}.jpg`), back);
      write(join(root, `samples/LIDAR_TOP/${letter}${index}.pcd.bin`), writeCloud(POINTS));
    }
  }
}

/** Changes a text of a table that is written already. */
export function editTable(root: string, table: string, change: (text: string) => string): void {
  const file = join(root, "v1.0-mini", `${table}.json`);
  const before = readFileSync(file, "utf8");
  const after = change(before);
  if (after === before) throw new Error(`${table}: nothing changed`);
  writeFileSync(file, after);
}

function write(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

async function jpeg(background: { r: number; g: number; b: number }): Promise<Uint8Array> {
  return await sharp({ create: { width: 64, height: 32, channels: 3, background } })
    .jpeg()
    .toBuffer();
}
