// The JSON files of DDAD (DGP v1): protobuf messages in the proto3 JSON mapping, read tolerantly.
// Fields may be written in snake_case or camelCase, absent where they hold a default, and 64-bit
// numbers are texts: ids and time stamps stay texts, some have more digits than a number can carry.
import { z } from "zod";
import { InputError } from "../tensor/error.ts";
import { readJson } from "./json_file.ts";
import { checkedPose, type Pose } from "./pose.ts";

/** Names of the scene files of each split, relative to ddad.json; keys 0 TRAIN, 1 VAL, 2 TEST. */
export type SceneSplits = ReadonlyMap<string, readonly string[]>;

/** One sensor reading: an image or a point cloud; its pose leads from the sensor to the world. */
export interface Datum {
  readonly kind: "image" | "point_cloud";
  readonly name: string;
  readonly timestamp: string;
  /** Relative to the folder of the scene. */
  readonly filename: string;
  readonly pose: Pose;
  /** Pixels of an image, 0 where the file does not say. */
  readonly width: number;
  readonly height: number;
  /** Columns of a point cloud, such as X, Y, Z, INTENSITY; empty where the file does not say. */
  readonly point_format: readonly string[];
}

/** One moment of a scene: its readings and the name of its calibration. */
export interface DdadMoment {
  readonly data: readonly Datum[];
  readonly calibrationKey: string;
}

/**
 * One sensor of a calibration; `pose` leads from the sensor to the vehicle. No focal: no camera.
 */
export interface CalibratedSensor {
  readonly name: string;
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
  readonly pose: Pose;
}

const IDENTITY: Pose = { rotation: [1, 0, 0, 0], translation_m: [0, 0, 0] };

const double = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^-?\d+(\.\d+)?([eE][-+]?\d+)?$/)
      .transform(Number),
  ])
  .default(0);
const text = z.string().default("");
const poseMessage = z
  .object({
    rotation: z.object({ qw: double, qx: double, qy: double, qz: double }).optional(),
    translation: z.object({ x: double, y: double, z: double }).optional(),
  })
  .optional();
const readingId = z.object({ name: text, timestamp: text });

const sceneSet = z.preprocess(
  snakeCaseKeys,
  z.object({ scene_splits: z.record(z.string(), z.object({ filenames: z.array(z.string()) })) }),
);

const scene = z.preprocess(
  snakeCaseKeys,
  z.object({
    samples: z.array(z.object({ datum_keys: z.array(z.string()), calibration_key: z.string() })),
    data: z.array(
      z.object({
        id: readingId,
        key: z.string(),
        datum: z.object({
          image: z
            .object({ filename: z.string(), width: double, height: double, pose: poseMessage })
            .optional(),
          point_cloud: z
            .object({
              filename: z.string(),
              point_format: z.array(z.union([z.string(), z.number()])).default([]),
              pose: poseMessage,
            })
            .optional(),
        }),
      }),
    ),
  }),
);

const calibration = z.preprocess(
  snakeCaseKeys,
  z.object({
    names: z.array(z.string()),
    intrinsics: z.array(z.object({ fx: double, fy: double, cx: double, cy: double })),
    extrinsics: z.array(poseMessage.unwrap()),
  }),
);

/** Reads ddad.json. */
export async function readSceneSplits(file: string): Promise<SceneSplits> {
  const { scene_splits } = await readJson(file, sceneSet);
  return new Map(Object.entries(scene_splits).map(([split, { filenames }]) => [split, filenames]));
}

/** Reads a scene_*.json: its moments in order. Throws InputError for a key without a reading. */
export async function readScene(file: string): Promise<DdadMoment[]> {
  const { samples, data } = await readJson(file, scene);
  const readings = new Map<string, Datum>();
  for (const { id, key, datum } of data) {
    const { image, point_cloud } = datum;
    const at = `${file}: ${id.name} ${id.timestamp}`;
    const { name, timestamp } = id;
    if (image) {
      const { filename, width, height } = image;
      const pose = poseOf(image.pose, at);
      const point_format: string[] = [];
      readings.set(key, {
        kind: "image",
        name,
        timestamp,
        filename,
        pose,
        width,
        height,
        point_format,
      });
    } else if (point_cloud) {
      const point_format = point_cloud.point_format.map(String);
      const pose = poseOf(point_cloud.pose, at);
      const { filename } = point_cloud;
      const none = { width: 0, height: 0 };
      readings.set(key, {
        kind: "point_cloud",
        name,
        timestamp,
        filename,
        pose,
        ...none,
        point_format,
      });
    }
  }
  const known = new Set(data.map(({ key }) => key));
  return samples.map(({ datum_keys, calibration_key }, index) => {
    for (const key of datum_keys) {
      if (!known.has(key))
        throw new InputError(`${file}: samples[${index}]: no datum with key ${key}`);
    }
    // Radar and file readings are of no use here, and not in the map.
    const own = datum_keys.flatMap((key) => readings.get(key) ?? []);
    return { data: own, calibrationKey: calibration_key };
  });
}

/** Reads a calibration: its three parallel lists as one. */
export async function readCalibration(file: string): Promise<CalibratedSensor[]> {
  const { names, intrinsics, extrinsics } = await readJson(file, calibration);
  if (intrinsics.length !== names.length || extrinsics.length !== names.length) {
    throw new InputError(
      `${file}: ${names.length} names, ${intrinsics.length} intrinsics and ` +
        `${extrinsics.length} extrinsics; expected as many of each`,
    );
  }
  return names.map((name, i) => ({
    name,
    ...intrinsics[i],
    pose: poseOf(extrinsics[i], `${file}: ${name}`),
  }));
}

function poseOf(message: z.infer<typeof poseMessage>, where: string): Pose {
  const { qw, qx, qy, qz } = message?.rotation ?? { qw: 0, qx: 0, qy: 0, qz: 0 };
  const { x, y, z: up } = message?.translation ?? { x: 0, y: 0, z: 0 };
  // DGP's rule: an empty rotation is none.
  const isEmpty = qw === 0 && qx === 0 && qy === 0 && qz === 0;
  const rotation = isEmpty ? IDENTITY.rotation : ([qw, qx, qy, qz] as const);
  return checkedPose({ rotation, translation_m: [x, y, up] }, where);
}

/** The value with every key of every object in snake_case. */
function snakeCaseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCaseKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      // Names in capitals (CAMERA_01) and hashes are keys of maps, not fields.
      key.replace(
        /([a-z])([A-Z])/g,
        (_, low: string, high: string) => `${low}_${high.toLowerCase()}`,
      ),
      snakeCaseKeys(inner),
    ]),
  );
}
