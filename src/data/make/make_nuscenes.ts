// The built-in rig as nuScenes v1.0-mini: training moments as scene-0061 of mini_train, held-out ones as
// scene-0103 of mini_val.
import { writeCloud } from "../nuscenes/cloud.ts";
import { NUSCENES_LIDAR } from "../nuscenes_rig.ts";
import { checkedPose, compose, inverse, type Pose } from "../pose.ts";
import type { Split } from "../data_source.ts";
import { exactCloud } from "./exact_cloud.ts";
import { driveAt, encodedImage, hexName, jsonBytes, sparseOf } from "./made_drive.ts";
import type { MadeFile, Maker } from "./maker.ts";

const VERSION = "v1.0-mini";
const SCENES: { readonly [split in Split]: string } = {
  train: "scene-0061",
  "held-out": "scene-0103",
};
const LIDAR = "LIDAR_TOP";
const FIRST_US = 1_532_402_927_612_460;
const STEP_US = 500_000;
// The devkit loads these too; depth needs none of them.
const EMPTY_TABLES = [
  "category",
  "attribute",
  "visibility",
  "instance",
  "sample_annotation",
  "map",
] as const;

type Table =
  | "sensor"
  | "calibrated_sensor"
  | "ego_pose"
  | "log"
  | "scene"
  | "sample"
  | "sample_data";

/** A maker of the files. */
export function nuscenesFiles(): Maker {
  const tables: { readonly [table in Table]: object[] } = {
    sensor: [],
    calibrated_sensor: [],
    ego_pose: [],
    log: [],
    scene: [],
    sample: [],
    sample_data: [],
  };
  const counts: { [split in Split]: number } = { train: 0, "held-out": 0 };
  const token = (text: string): string => hexName(text, 32);
  const sampleToken = (split: Split, index: number): string => token(`sample ${split} ${index}`);
  return {
    moment: async ({ sample, cloud }, split, index) => {
      if (tables.sensor.length === 0) addSensors();
      counts[split]++;
      const scene = SCENES[split];
      const time_us = FIRST_US + index * STEP_US;
      const drive = driveAt(index);
      tables.sample.push({
        token: sampleToken(split, index),
        timestamp: time_us,
        prev: index === 0 ? "" : sampleToken(split, index - 1),
        next: sampleToken(split, index + 1),
        scene_token: token(scene),
      });
      const files: MadeFile[] = [];
      const add = (channel: string, ending: string, vehicle: Pose, bytes: Uint8Array): void => {
        const name = `samples/${channel}/${scene}__${channel}__${time_us}.${ending}`;
        const own = token(`${scene} ${index} ${channel}`);
        tables.ego_pose.push({ token: own, timestamp: time_us, ...written(vehicle) });
        tables.sample_data.push({
          token: own,
          sample_token: sampleToken(split, index),
          ego_pose_token: own,
          calibrated_sensor_token: token(`calibrated ${channel}`),
          timestamp: time_us,
          fileformat: ending.split(".")[0],
          is_key_frame: true,
          height: channel === LIDAR ? 0 : sample.cameras[0].height,
          width: channel === LIDAR ? 0 : sample.cameras[0].width,
          filename: name,
          prev: "",
          next: "",
        });
        files.push({ name, bytes });
      };
      const lidarToWorld = compose(drive.lidar, checkedPose(NUSCENES_LIDAR, LIDAR));
      const views = sample.cameras.map((camera, view) => ({
        camera,
        depth_m: sparseOf(sample, view),
        cloudToCamera: compose(inverse(compose(drive.images, camera)), lidarToWorld),
      }));
      const toCloud = compose(inverse(lidarToWorld), drive.images);
      const stored = exactCloud(cloud, toCloud, views, "f32");
      add(LIDAR, "pcd.bin", drive.lidar, writeCloud(stored));
      for (const [view, { name }] of sample.cameras.entries()) {
        add(name, "jpg", drive.images, await encodedImage(sample, view, "jpeg"));
      }
      return files;

      function addSensors(): void {
        const mounts = [
          ...sample.cameras.map((camera) => ({
            channel: camera.name,
            modality: "camera",
            pose: camera,
            camera_intrinsic: [
              [camera.fx, 0, camera.cx],
              [0, camera.fy, camera.cy],
              [0, 0, 1],
            ],
          })),
          { channel: LIDAR, modality: "lidar", pose: NUSCENES_LIDAR, camera_intrinsic: [] },
        ];
        for (const { channel, modality, pose, camera_intrinsic } of mounts) {
          tables.sensor.push({ token: token(`sensor ${channel}`), channel, modality });
          tables.calibrated_sensor.push({
            token: token(`calibrated ${channel}`),
            sensor_token: token(`sensor ${channel}`),
            ...written(pose),
            camera_intrinsic,
          });
        }
      }
    },
    rest: () => {
      const log = { token: token("log"), logfile: "built-in-rig", vehicle: "rig" };
      tables.log.push({ ...log, date_captured: "2018-07-24", location: "street" });
      for (const split of ["train", "held-out"] as const) {
        if (counts[split] === 0) continue;
        const last = sampleToken(split, counts[split] - 1);
        Object.assign(
          tables.sample.find((row) => (row as { token: string }).token === last)!,
          {
            next: "",
          },
        );
        tables.scene.push({
          token: token(SCENES[split]),
          log_token: token("log"),
          nbr_samples: counts[split],
          first_sample_token: sampleToken(split, 0),
          last_sample_token: last,
          name: SCENES[split],
          description: "The built-in rig: a ray-traced street for each moment",
        });
      }
      const all = { ...tables, ...Object.fromEntries(EMPTY_TABLES.map((table) => [table, []])) };
      return Object.entries(all).map(([table, rows]) => ({
        name: `${VERSION}/${table}.json`,
        bytes: jsonBytes(rows),
      }));
    },
  };
}

function written({ rotation, translation_m }: Pose): object {
  return { translation: translation_m, rotation };
}
