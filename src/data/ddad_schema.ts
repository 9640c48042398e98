// The JSON files of DDAD (DGP v1): protobuf messages in the proto3 JSON mapping, read tolerantly.
// Fields may be in snake_case or camelCase and are absent for default values. 64-bit numbers are
// strings: ids and time stamps stay strings, because some have more digits than a number can hold.
import { join } from "node:path";
import { z } from "zod";
import { InputError } from "../tensor/error.ts";
import { looseKey, nameKey } from "../formats/name_key.ts";
import { readJson } from "./json_file.ts";
import { checkedPose, type Pose } from "./pose.ts";

/** Names of the scene files of each split, relative to ddad.json; keys 0 TRAIN, 1 VAL, 2 TEST. */
export type SceneSplits = ReadonlyMap<string, readonly string[]>;

/**
 * One sensor reading: an image or a point cloud; its pose maps the sensor's frame to the world's.
 */
export interface Datum {
  readonly kind: "image" | "point_cloud";
  readonly name: string;
  readonly timestamp: string;
  /** Relative to the folder of the scene. */
  readonly filename: string;
  readonly pose: Pose;
  /** Pixels of an image, 0 if the file does not say. */
  readonly width: number;
  readonly height: number;
  /** Columns of a point cloud, such as X, Y, Z, INTENSITY; empty if the file does not say. */
  readonly point_format: readonly string[];
}

/** One moment of a scene: its readings and the name of its calibration. */
export interface DdadMoment {
  readonly data: readonly Datum[];
  readonly calibrationKey: string;
}

/** A moment with a broken or missing reading, and its fault. */
export interface BrokenDdadMoment {
  readonly fault: InputError;
}

/**
 * One sensor of a calibration; `pose` maps the sensor's frame to the vehicle's. A sensor without
 * focal length is not a camera.
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

const maybe = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^-?\d+(\.\d+)?([eE][-+]?\d+)?$/)
      .transform(Number),
  ])
  .optional();
const double = maybe.default(0);
const text = z.string().default("").transform(nameKey);
// RFC 3339 as proto3 writes it, or ticks as digits; empty if there is none.
const timestampText = z
  .string()
  .max(64)
  .regex(/^(\d{4,6}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)?|\d+(\.\d+)?)?$/, {
    error: "expected a time such as 2024-11-12T01:04:09.936530Z",
  })
  .default("");
const poseMessage = z
  .object({
    rotation: z.object({ qw: maybe, qx: maybe, qy: maybe, qz: maybe }).optional(),
    translation: z.object({ x: double, y: double, z: double }).optional(),
  })
  .optional();
const readingId = z.object({ name: text, timestamp: timestampText });

const sceneSet = z.preprocess(
  fieldNames,
  z.object({ scene_splits: z.record(z.string(), z.object({ filenames: z.array(z.string()) })) }),
);

const scene = z.preprocess(
  fieldNames,
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
  fieldNames,
  z.object({
    names: z.array(z.string()),
    intrinsics: z.array(z.object({ fx: double, fy: double, cx: double, cy: double })),
    extrinsics: z.array(poseMessage.unwrap()),
  }),
);

/** Reads ROOT/ddad.json. */
export async function readSceneSplits(root: string): Promise<SceneSplits> {
  const { scene_splits } = await readJson(root, "ddad.json", sceneSet);
  return new Map(Object.entries(scene_splits).map(([split, { filenames }]) => [split, filenames]));
}

/**
 * Reads the scene file ROOT/`name`: its moments in order. A moment is broken if a key has no
 * reading or a reading is broken; throws InputError for a broken file.
 */
export async function readScene(
  root: string,
  name: string,
): Promise<(DdadMoment | BrokenDdadMoment)[]> {
  const file = join(root, name);
  const { samples, data } = await readJson(root, name, scene);
  const readings = new Map<string, Datum | InputError | null>();
  for (const datum of data) {
    if (readings.has(datum.key))
      throw new InputError(`${file}: two data have the key ${datum.key}`);
    readings.set(datum.key, readingOf(datum, file));
  }
  return samples.map(({ datum_keys, calibration_key }, index) => {
    const own: Datum[] = [];
    for (const key of datum_keys) {
      const reading = readings.get(key);
      if (reading === undefined) {
        const where = `${file}: samples[${index}]`;
        return { fault: new InputError(`${where}: no datum with key ${key}`) };
      }
      if (reading instanceof InputError) return { fault: reading };
      // Radar and file readings are of no use here.
      if (reading !== null) own.push(reading);
    }
    return { data: own, calibrationKey: calibration_key };
  });
}

/** A reading as data, or its fault, or null if its kind is not used here. */
function readingOf(
  { id, datum }: z.infer<typeof scene>["data"][number],
  file: string,
): Datum | InputError | null {
  const { image, point_cloud } = datum;
  const reading = image ?? point_cloud;
  if (!reading) return null;
  try {
    const where = `${file}: ${id.name} ${id.timestamp}`;
    const { filename } = reading;
    const pose = poseOf(reading.pose, where);
    const none = { width: 0, height: 0, point_format: [] };
    const common = { ...none, ...id, filename, pose };
    if (image) return { ...common, kind: "image", width: image.width, height: image.height };
    const point_format = (point_cloud?.point_format ?? []).map(String);
    return { ...common, kind: "point_cloud", point_format };
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

/** Reads the calibration ROOT/`name`: its three parallel lists as one. */
export async function readCalibration(root: string, name: string): Promise<CalibratedSensor[]> {
  const file = join(root, name);
  const { names, intrinsics, extrinsics } = await readJson(root, name, calibration);
  if (intrinsics.length !== names.length || extrinsics.length !== names.length) {
    throw new InputError(
      `${file}: ${names.length} names, ${intrinsics.length} intrinsics and ` +
        `${extrinsics.length} extrinsics; expected as many of each`,
    );
  }
  const sensors = names.map((sensor, i) => ({
    name: nameKey(sensor),
    ...intrinsics[i],
    pose: poseOf(extrinsics[i], `${file}: ${sensor}`),
  }));
  const known = new Map<string, string>();
  for (const { name: sensor } of sensors) {
    const twin = known.get(looseKey(sensor));
    if (twin !== undefined) {
      const what = twin === sensor ? "appears twice" : `and ${twin} differ in case only`;
      throw new InputError(`${file}: names: sensor ${sensor} ${what}`);
    }
    known.set(looseKey(sensor), sensor);
  }
  return sensors;
}

function poseOf(message: z.infer<typeof poseMessage>, where: string): Pose {
  const { rotation, translation } = message ?? {};
  const { x, y, z: up } = translation ?? { x: 0, y: 0, z: 0 };
  const { qw = 0, qx = 0, qy = 0, qz = 0 } = rotation ?? {};
  // DGP's rule: a rotation without any field is the identity. Explicit zeros are not a rotation,
  // and checkedPose refuses them.
  const isWritten = Object.values(rotation ?? {}).some((value) => value !== undefined);
  const quaternion = isWritten ? ([qw, qx, qy, qz] as const) : IDENTITY.rotation;
  return checkedPose({ rotation: quaternion, translation_m: [x, y, up] }, where);
}

/**
 * The value with every key of every object in snake_case. A null field is left out: in proto3 it
 * means the default. A field in both spellings is a fault, because either could be meant.
 */
function fieldNames(value: unknown, faults: z.RefinementCtx): unknown {
  if (Array.isArray(value)) return value.map((item) => fieldNames(item, faults));
  if (typeof value !== "object" || value === null) return value;
  const fields = new Map<string, unknown>();
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null) continue;
    // Names in capitals (CAMERA_01) and hashes are map keys, not fields.
    const name = key.replace(
      /([a-z])([A-Z])/g,
      (_, low: string, high: string) => `${low}_${high.toLowerCase()}`,
    );
    if (fields.has(name)) {
      faults.addIssue({ code: "custom", message: `field ${name} appears twice, in two spellings` });
    }
    fields.set(name, fieldNames(inner, faults));
  }
  return Object.fromEntries(fields);
}
