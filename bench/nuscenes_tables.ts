// Reads tables with the rows of nuScenes v1.0-trainval (2.6 million of sample_data and of ego_pose), which
// it generates: time and peak memory of opening the set. Run: npx tsx bench/nuscenes_tables.ts [FOLDER]
// A folder that is named keeps its tables, 2.6 GB, for the next run.
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTables } from "../src/data/nuscenes/tables.ts";

const SCENES = 850;
const SAMPLES = 34_149;
const READINGS = 2_631_083;
const CAMERAS = ["FRONT", "FRONT_RIGHT", "BACK_RIGHT", "BACK", "BACK_LEFT", "FRONT_LEFT"];
const CHANNELS = [
  ...CAMERAS.map((name) => `CAM_${name}`),
  "LIDAR_TOP",
  ...["FRONT", "FRONT_LEFT", "FRONT_RIGHT", "BACK_LEFT", "BACK_RIGHT"].map((n) => `RADAR_${n}`),
];
const VERSION = "v1.0-trainval";

/** A token of 32 digits of record `index` of a table. */
function token(table: number, index: number): string {
  return `${table.toString(16).padStart(8, "0")}${Math.imul(index, 2654435761) >>> 0}`
    .padEnd(24, "0")
    .concat(index.toString(16).padStart(8, "0"));
}

function write(root: string, table: string, count: number, row: (index: number) => string): void {
  const file = openSync(join(root, VERSION, `${table}.json`), "w");
  writeSync(file, "[\n");
  for (let begin = 0; begin < count; begin += 10_000) {
    const rows: string[] = [];
    for (let i = begin; i < Math.min(count, begin + 10_000); i++) rows.push(row(i));
    writeSync(file, `${begin === 0 ? "" : ",\n"}${rows.join(",\n")}`);
  }
  writeSync(file, "\n]\n");
  closeSync(file);
}

function generate(root: string): void {
  mkdirSync(join(root, VERSION), { recursive: true });
  const first = (scene: number): number => Math.floor((scene * SAMPLES) / SCENES);
  const sceneOf = (sample: number): number => Math.ceil(((sample + 1) * SCENES) / SAMPLES) - 1;
  const json = (value: object): string => JSON.stringify(value, null, 0);
  write(root, "sensor", CHANNELS.length, (i) => {
    const modality = { C: "camera", L: "lidar", R: "radar" }[CHANNELS[i][0]];
    return json({ token: token(1, i), channel: CHANNELS[i], modality });
  });
  const rotation = [
    0.7077955119163518, -0.006492242056004365, 0.010646214713995808, -0.7063073142877817,
  ];
  write(root, "calibrated_sensor", SCENES * CHANNELS.length, (i) =>
    json({
      token: token(2, i),
      sensor_token: token(1, i % CHANNELS.length),
      translation: [0.943713, 0, 1.84023],
      rotation,
      camera_intrinsic:
        i % CHANNELS.length < 6
          ? [
              [1266.4, 0, 816.2],
              [0, 1266.4, 491.5],
              [0, 0, 1],
            ]
          : [],
    }),
  );
  write(root, "scene", SCENES, (i) =>
    json({
      token: token(3, i),
      name: `scene-${String(i + 1).padStart(4, "0")}`,
      first_sample_token: token(4, first(i)),
      last_sample_token: token(4, first(i + 1) - 1),
    }),
  );
  write(root, "sample", SAMPLES, (i) => {
    const scene = sceneOf(i);
    const isLast = i + 1 === first(scene + 1);
    const next = isLast ? "" : token(4, i + 1);
    return json({
      token: token(4, i),
      timestamp: 1532402927612460 + i,
      scene_token: token(3, scene),
      next,
    });
  });
  const keys = SAMPLES * CHANNELS.length;
  write(root, "sample_data", READINGS, (i) => {
    const sample = Math.floor((i % keys) / CHANNELS.length);
    const channel = CHANNELS[i % CHANNELS.length];
    const isCamera = channel.startsWith("CAM");
    const folder = i < keys ? "samples" : "sweeps";
    return json({
      token: token(5, i),
      sample_token: token(4, sample),
      ego_pose_token: token(5, i),
      calibrated_sensor_token: token(2, sceneOf(sample) * CHANNELS.length + (i % CHANNELS.length)),
      timestamp: 1532402927612460 + i,
      fileformat: isCamera ? "jpg" : "pcd",
      is_key_frame: i < keys,
      height: isCamera ? 900 : 0,
      width: isCamera ? 1600 : 0,
      filename: `${folder}/${channel}/n015-2018-07-24-11-22-45+0800__${channel}__${1532402927612460 + i}.jpg`,
      prev: i === 0 ? "" : token(5, i - 1),
      next: token(5, i + 1),
    });
  });
  write(root, "ego_pose", READINGS, (i) =>
    json({
      token: token(5, i),
      timestamp: 1532402927612460 + i,
      rotation,
      translation: [411.25 + i / 7, 1180.5 + i / 3, 0],
    }),
  );
}

const [, , given] = process.argv;
const root = given ?? mkdtempSync(join(tmpdir(), "ringdepth-tables-"));
try {
  if (!existsSync(join(root, VERSION))) generate(root);
  let peak_bytes = 0;
  const onProgress = (table: string, read: number, total: number): void => {
    peak_bytes = Math.max(peak_bytes, process.memoryUsage.rss());
    const done = `${Math.round(read / 2 ** 20)}/${Math.round(total / 2 ** 20)} MiB`;
    if (process.stdout.isTTY) process.stdout.write(`\r${table}: ${done}    `);
  };
  const begin = performance.now();
  const cpu = process.cpuUsage();
  const { scenes, rows } = await readTables(root, VERSION, onProgress);
  peak_bytes = Math.max(peak_bytes, process.memoryUsage.rss());
  const keyframes = scenes.reduce((sum, scene) => sum + scene.keyframes.length, 0);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const { user, system } = process.cpuUsage(cpu);
  const busy = `${((user + system) / 1e6).toFixed(1)} s of processor time`;
  console.log(`${JSON.stringify(rows)}: ${keyframes} keyframes in ${seconds} s, ${busy}`);
  console.log(`peak memory of the process ${Math.round(peak_bytes / 2 ** 20)} MiB`);
} finally {
  if (given === undefined) rmSync(root, { recursive: true });
}
