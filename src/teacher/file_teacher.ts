// A teacher read from files: relative depth or disparity of any foundation model, one map a camera
// and moment.
//
//   DIR/teacher.json                             {"kind": "disparity", "name": "Depth Anything V2"}
//   DIR/<sample id>/<camera>.npy, .pfm or .png   [h, w] of any size
//
// "disparity": larger numbers are nearer; "depth": larger numbers are farther.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ImageSize } from "../data/camera.ts";
import { readJson } from "../data/json_file.ts";
import { readBytes } from "../formats/atomic_file.ts";
import { toFloat32 } from "../formats/elements.ts";
import { readNpy } from "../formats/npy.ts";
import { readPfm } from "../formats/pfm.ts";
import { readGrey16Png } from "../formats/png16.ts";
import { InputError } from "../tensor/error.ts";
import { formatShape } from "../tensor/shape.ts";
import { areaAverage, normalizeRelative } from "./relative_depth.ts";
import type { Teacher } from "./teacher.ts";

const description = z.strictObject({ kind: z.enum(["depth", "disparity"]), name: z.string() });

/** A map of one view as read. */
interface RelativeMap extends ImageSize {
  readonly values: Float32Array;
}

type Reader = (bytes: Uint8Array, file: string) => RelativeMap | Promise<RelativeMap>;

/** The readers by extension, in the order in which files are looked for. */
const READERS: Readonly<Record<string, Reader>> = {
  npy: (bytes, file) => {
    const { shape, data } = readNpy(bytes, file);
    if (shape.length !== 2) {
      throw new InputError(`${file}: has shape ${formatShape(shape)}, expected [h, w]`);
    }
    const [height, width] = shape;
    return { height, width, values: toFloat32(data) };
  },
  pfm: (bytes, file) => {
    const { height, width, channels, data } = readPfm(bytes, file);
    if (channels !== 1) throw new InputError(`${file}: has ${channels} channels, expected one`);
    return { height, width, values: data };
  },
  png: async (bytes, file) => {
    const { height, width, data } = await readGrey16Png(bytes, file);
    return { height, width, values: Float32Array.from(data) };
  },
};

/**
 * Opens a folder of teacher maps; throws InputError where `teacher.json` is missing or broken,
 * later where a map is missing, empty, not [h, w] or holds a number that is not finite.
 */
export async function fileTeacher(directory: string): Promise<Teacher> {
  const { kind, name } = await readJson(join(directory, "teacher.json"), description);
  return {
    name,
    relativeDepth: async (sample, size) => {
      const plane = size.height * size.width;
      const result = new Float32Array(sample.cameras.length * plane);
      for (const [view, camera] of sample.cameras.entries()) {
        const map = await readMap(directory, sample.id, camera.name);
        result.set(normalizeRelative(areaAverage(map.values, map, size), kind), view * plane);
      }
      return result;
    },
  };
}

async function readMap(directory: string, sample: string, camera: string): Promise<RelativeMap> {
  const stem = join(directory, sample, camera);
  for (const [extension, read] of Object.entries(READERS)) {
    const file = `${stem}.${extension}`;
    if (!existsSync(file)) continue;
    const map = await read(await readBytes(file), file);
    if (map.values.length === 0) throw new InputError(`${file}: the map is empty`);
    const bad = map.values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const at = formatShape([Math.floor(bad / map.width), bad % map.width]);
      throw new InputError(`${file}: element ${at} is ${map.values[bad]}`);
    }
    return map;
  }
  const tried = Object.keys(READERS).map((extension) => `.${extension}`);
  throw new InputError(
    `sample ${sample}, camera ${camera}: no teacher map ${stem} with ${tried.join(", ")}`,
  );
}
