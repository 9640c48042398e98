// A teacher read from files: relative depth or disparity of any foundation model, one map a camera and moment.
//
//   DIR/teacher.json             {"kind": "disparity" | "depth", "name": "Depth Anything V2 Small"}
//   DIR/<sample id>/<camera>.npy | .pfm | .png     [h, w] of any size; larger = nearer for "disparity"
import { join } from "node:path";
import { z } from "zod";
import type { ImageSize } from "../data/camera.ts";
import { readJson } from "../data/json_file.ts";
import type { RigSample } from "../data/rig_sample.ts";
import { readBytes } from "../formats/atomic_file.ts";
import { toFloat32 } from "../formats/elements.ts";
import { readNpy } from "../formats/npy.ts";
import { readPfm } from "../formats/pfm.ts";
import { readGrey16Png } from "../formats/png16.ts";
import { InputError } from "../tensor/error.ts";
import { areaAverage, normalizeRelative } from "./relative_depth.ts";
import type { Teacher } from "./teacher.ts";

const description = z.strictObject({ kind: z.enum(["depth", "disparity"]), name: z.string() });

/** A map of one view as read. */
interface RelativeMap extends ImageSize {
  readonly values: Float32Array;
}

const READERS: readonly [
  extension: string,
  read: (bytes: Uint8Array, file: string) => Promise<RelativeMap>,
][] = [
  [
    "npy",
    async (bytes, file) => {
      const { shape, data } = readNpy(bytes, file);
      const [height = 0, width = 0] = shape;
      if (shape.length !== 2)
        throw new InputError(`${file}: has ${shape.length} axes, expected [h, w]`);
      return await Promise.resolve({ height, width, values: toFloat32(data) });
    },
  ],
  [
    "pfm",
    async (bytes, file) => {
      const { height, width, channels, data } = readPfm(bytes, file);
      if (channels !== 1) throw new InputError(`${file}: has ${channels} channels, expected one`);
      return await Promise.resolve({ height, width, values: data });
    },
  ],
  [
    "png",
    async (bytes, file) => {
      const { height, width, data } = await readGrey16Png(bytes, file);
      return { height, width, values: Float32Array.from(data) };
    },
  ],
];

/** Opens a folder of teacher maps; throws InputError where `teacher.json` is missing or broken. */
export async function fileTeacher(directory: string): Promise<Teacher> {
  const { kind, name } = await readJson(join(directory, "teacher.json"), description);
  return {
    name,
    relativeDepth: async (sample, size) => {
      const plane = size.height * size.width;
      const result = new Float32Array(sample.cameras.length * plane);
      for (const [view, camera] of sample.cameras.entries()) {
        const map = await readMap(join(directory, sample.id), camera.name, sample);
        result.set(normalizeRelative(areaAverage(map.values, map, size), kind), view * plane);
      }
      return result;
    },
  };
}

async function readMap(directory: string, camera: string, sample: RigSample): Promise<RelativeMap> {
  for (const [extension, read] of READERS) {
    const file = join(directory, `${camera}.${extension}`);
    let bytes: Uint8Array;
    try {
      bytes = await readBytes(file);
    } catch {
      continue;
    }
    const map = await read(bytes, file);
    const bad = map.values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new InputError(`${file}: element ${bad} is ${map.values[bad]}`);
    return map;
  }
  throw new InputError(
    `sample ${sample.id}, camera ${camera}: no teacher map ${join(directory, `${camera}.npy`)} (nor .pfm, .png)`,
  );
}
