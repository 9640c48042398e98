// Writes a tiny DDAD data set (DGP v1) to a folder, for tests to read and to damage: two cameras of
// 64 x 32 pixels, front and back, one moment, and a cloud of four points.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import sharp from "sharp";
import { writeNpy } from "../../src/formats/npy.ts";

/** Where the parts of the fixture lie under its root. */
export const DGP_FILES = {
  set: "ddad.json",
  scene: "000000/scene_ab.json",
  calibration: "000000/calibration/cd.json",
  front: "000000/rgb/CAMERA_01/15616458249936530.jpg",
  back: "000000/rgb/CAMERA_09/15616458249936530.jpg",
  cloud: "000000/point_cloud/LIDAR/15616458250027900.npz",
} as const;

const HALF = Math.SQRT1_2;
// Camera axes (right, down, forward) in the vehicle frame: looking along +x, and along -x.
const FORWARD = { qw: 0.5, qx: -0.5, qy: 0.5, qz: -0.5 };
const BACKWARD = { qw: 0.5, qx: -0.5, qy: -0.5, qz: 0.5 };

/** Points of the vehicle frame, metres: two ahead on one ray, one behind, one beside. */
export const POINTS: readonly (readonly number[])[] = [
  [20, 0, 1.5, 0.1],
  [10, 0, 1.5, 0.2],
  [-8, 0, 1.5, 0.3],
  [0, 9, 1.5, 0.4],
];

/** The bytes of a cloud file with these points. */
export function cloudBytes(points: readonly (readonly number[])[]): Uint8Array {
  const npy = writeNpy(Float64Array.from(points.flat()), [points.length, 4]);
  return zipSync({ "data.npy": npy });
}

/** Writes the whole data set under `root`; both splits are the one scene. */
export async function writeDgp(root: string): Promise<void> {
  const write = (file: string, content: string | Uint8Array): void => {
    mkdirSync(join(root, file, ".."), { recursive: true });
    writeFileSync(join(root, file), content);
  };
  const set = { filenames: [DGP_FILES.scene] };
  write(DGP_FILES.set, JSON.stringify({ scene_splits: { "0": set, "1": set } }));
  // The vehicle stands at (100, -2000, 3) of the world, turned a quarter to the left.
  const turn = { qw: HALF, qx: 0, qy: 0, qz: HALF };
  const place = { x: 100, y: -2000, z: 3 };
  const cameraPose = (forward: boolean): object => ({
    // compose(vehicle, camera) by hand: camera at 1.5 m height over the vehicle's origin.
    rotation: forward
      ? { qw: HALF, qx: -HALF, qy: 0, qz: 0 }
      : { qw: 0, qx: 0, qy: -HALF, qz: HALF },
    translation: { ...place, z: place.z + 1.5 },
  });
  const id = (name: string, timestamp: string): object => ({
    log: "",
    name,
    timestamp,
    index: "0",
  });
  const image = (name: string, file: string, forward: boolean): object => ({
    id: id(name, "2464-11-12T01:04:09.936530Z"),
    key: name,
    datum: {
      image: {
        filename: file.replace("000000/", ""),
        height: 32,
        width: 64,
        channels: 3,
        pose: cameraPose(forward),
      },
    },
  });
  write(
    DGP_FILES.scene,
    JSON.stringify({
      name: "000000",
      samples: [
        { id: id("", ""), datum_keys: ["l", "CAMERA_09", "CAMERA_01"], calibration_key: "cd" },
      ],
      data: [
        {
          id: id("LIDAR", "2464-11-12T01:04:10.027900Z"),
          key: "l",
          datum: {
            point_cloud: {
              filename: DGP_FILES.cloud.replace("000000/", ""),
              point_format: ["X", "Y", "Z", "INTENSITY"],
              pose: { rotation: turn, translation: place },
            },
          },
        },
        image("CAMERA_01", DGP_FILES.front, true),
        image("CAMERA_09", DGP_FILES.back, false),
      ],
    }),
  );
  const pinhole = { fx: 40, fy: 40, cx: 31.5, cy: 15.5, skew: 0 };
  const height = { x: 0, y: 0, z: 1.5 };
  write(
    DGP_FILES.calibration,
    JSON.stringify({
      names: ["LIDAR", "CAMERA_01", "CAMERA_09"],
      intrinsics: [{ fx: 0, fy: 0, cx: 0, cy: 0, skew: 0 }, pinhole, pinhole],
      extrinsics: [
        { rotation: { qw: 1 }, translation: {} },
        { rotation: FORWARD, translation: height },
        { rotation: BACKWARD, translation: height },
      ],
    }),
  );
  write(DGP_FILES.front, await jpeg({ r: 200, g: 30, b: 30 }));
  write(DGP_FILES.back, await jpeg({ r: 30, g: 30, b: 200 }));
  write(DGP_FILES.cloud, cloudBytes(POINTS));
}

async function jpeg(background: { r: number; g: number; b: number }): Promise<Uint8Array> {
  return sharp({ create: { width: 64, height: 32, channels: 3, background } })
    .jpeg()
    .toBuffer();
}
