// The built-in rig as DDAD: training moments as scene 000000, held-out ones as scene 000150, which are
// in those splits of the real set too. The cameras are named by their places in the ring.
import { writeNpy } from "../../formats/npy.ts";
import { writeZip } from "../../formats/zip_write.ts";
import type { Camera } from "../camera.ts";
import type { Split } from "../data_source.ts";
import { compose, inverse, type Pose } from "../pose.ts";
import { exactCloud } from "./exact_cloud.ts";
import { driveAt, encodedImage, hexName, jsonBytes, sparseOf } from "./made_drive.ts";
import type { MadeFile, Maker } from "./maker.ts";

const SCENES: { readonly [split in Split]: string } = { train: "000000", "held-out": "000150" };
const SPLIT_KEYS: { readonly [split in Split]: string } = { train: "0", "held-out": "1" };
// Front, front left, back left, back, back right, front right.
const NAMES = ["01", "05", "07", "09", "08", "06"].map((number) => `CAMERA_${number}`);
const LIDAR = "LIDAR";
const COLUMNS = ["X", "Y", "Z", "INTENSITY"];
const IDENTITY: Pose = { rotation: [1, 0, 0, 0], translation_m: [0, 0, 0] };
const FIRST_MS = 1_568_000_000_000;
const STEP_MS = 100;

/** A maker of the files. */
export function ddadFiles(): Maker {
  const scenes: { readonly [split in Split]: { samples: object[]; data: object[] } } = {
    train: { samples: [], data: [] },
    "held-out": { samples: [], data: [] },
  };
  const calibrationKey = hexName("calibration", 40);
  let cameras: readonly Camera[] = [];
  return {
    moment: async ({ sample, cloud }, split, index) => {
      cameras = sample.cameras.map((camera, view) => ({ ...camera, name: NAMES[view] }));
      const scene = SCENES[split];
      const drive = driveAt(index);
      const time_ms = FIRST_MS + index * STEP_MS;
      const stem = `${time_ms}000`;
      const timestamp = new Date(time_ms).toISOString();
      const id = (name: string): object => ({ log: "", name, timestamp, index: "0" });
      const key = (name: string): string => hexName(`${scene} ${index} ${name}`, 40);
      const files: MadeFile[] = [];
      const keys: string[] = [];
      const add = (name: string, file: string, bytes: Uint8Array, datum: object): void => {
        files.push({ name: `${scene}/${file}`, bytes });
        keys.push(key(name));
        const links = { key: key(name), next_key: "", prev_key: "" };
        scenes[split].data.push({ id: id(name), ...links, datum });
      };
      const cloudFile = `point_cloud/${LIDAR}/${stem}.npz`;
      add(LIDAR, cloudFile, npzOf(storedCloud()), {
        point_cloud: {
          filename: cloudFile,
          point_format: COLUMNS,
          point_fields: [],
          annotations: {},
          metadata: {},
          pose: written(drive.lidar),
        },
      });
      for (const [view, { name, width, height, ...pose }] of cameras.entries()) {
        const filename = `rgb/${name}/${stem}.png`;
        add(name, filename, await encodedImage(sample, view, "png"), {
          image: {
            filename,
            height,
            width,
            channels: 3,
            annotations: {},
            metadata: {},
            pose: written(compose(drive.images, pose)),
          },
        });
      }
      scenes[split].samples.push({
        id: id(""),
        datum_keys: keys,
        calibration_key: calibrationKey,
        metadata: {},
      });
      return files;

      function storedCloud(): Float64Array {
        const views = cameras.map((camera, view) => ({
          camera,
          depth_m: sparseOf(sample, view),
          cloudToCamera: compose(inverse(compose(drive.images, camera)), drive.lidar),
        }));
        return exactCloud(cloud, compose(inverse(drive.lidar), drive.images), views, "f64");
      }
    },
    rest: () => {
      const calibration = jsonBytes({
        names: [LIDAR, ...cameras.map(({ name }) => name)],
        intrinsics: [
          { fx: 0, fy: 0, cx: 0, cy: 0, skew: 0 },
          ...cameras.map(({ fx, fy, cx, cy }) => ({ fx, fy, cx, cy, skew: 0 })),
        ],
        extrinsics: [IDENTITY, ...cameras].map(written),
      });
      const files: MadeFile[] = [];
      const splits: { [key: string]: { filenames: string[] } } = {};
      for (const split of ["train", "held-out"] as const) {
        if (scenes[split].samples.length === 0) continue;
        const folder = SCENES[split];
        const name = `${folder}/scene_${hexName(folder, 40)}.json`;
        const about = { name: folder, description: "", log: "", ontologies: {}, metadata: {} };
        files.push({ name: `${folder}/calibration/${calibrationKey}.json`, bytes: calibration });
        files.push({ name, bytes: jsonBytes({ ...about, ...scenes[split] }) });
        splits[SPLIT_KEYS[split]] = { filenames: [name] };
      }
      const metadata = { name: "built-in-rig", version: "1.0" };
      return [
        ...files,
        { name: "ddad.json", bytes: jsonBytes({ metadata, scene_splits: splits }) },
      ];
    },
  };
}

function npzOf(points: Float64Array): Uint8Array {
  const count = points.length / 3;
  const rows = new Float64Array(count * COLUMNS.length);
  for (let i = 0; i < count; i++) rows.set(points.subarray(i * 3, i * 3 + 3), i * COLUMNS.length);
  return writeZip([{ name: "data.npy", bytes: writeNpy(rows, [count, COLUMNS.length]) }]);
}

function written({ rotation: [qw, qx, qy, qz], translation_m: [x, y, z] }: Pose): object {
  return { rotation: { qw, qx, qy, qz }, translation: { x, y, z } };
}
