// A teacher read from files: relative depth or disparity of any foundation model, one map per
// camera and moment.
//
//   DIR/teacher.json                             {"kind": "disparity", "name": "Depth Anything V2"}
//   DIR/<sample id>/<camera>.npy, .pfm or .png   [h, w] of any size
//
// "disparity": larger numbers are nearer; "depth": larger numbers are farther. Names are compared in
// Unicode NFC. DIR and its folders may be links; a map must be below one of them.
import { join, parse } from "node:path";
import { z } from "zod";
import type { ImageSize } from "../data/camera.ts";
import { listFolder, nameKey } from "../data/entries.ts";
import { readJson } from "../data/json_file.ts";
import { toFloat32 } from "../formats/elements.ts";
import { readInside } from "../formats/inside_root.ts";
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

// A map of 89 million pixels in f64 has 680 MiB.
const MAP_LIMIT_BYTES = 2 ** 30;

/** The readers by extension. */
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
 * Opens a folder of teacher maps; throws InputError if `teacher.json` is missing or broken, and
 * later if a map is missing, exists twice, is empty, is not [h, w] or contains a number that is not
 * finite.
 */
export async function fileTeacher(directory: string): Promise<Teacher> {
  const { kind, name } = await readJson(directory, "teacher.json", description);
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
  const found = await findMap(directory, [...sample.split("/"), ...camera.split("/")]);
  if (found === null) {
    const tried = Object.keys(READERS).map((extension) => `.${extension}`);
    const stem = join(directory, sample, camera);
    throw new InputError(
      `sample ${sample}, camera ${camera}: no teacher map ${stem} that ends in ${tried.join(", ")}`,
    );
  }
  const { folder, name, read } = found;
  const file = join(folder, name);
  const map = await read(await readInside(folder, name, MAP_LIMIT_BYTES, directory), file);
  if (map.values.length === 0) throw new InputError(`${file}: the map is empty`);
  const bad = map.values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const at = formatShape([Math.floor(bad / map.width), bad % map.width]);
    throw new InputError(`${file}: element ${at} is ${map.values[bad]}`);
  }
  return map;
}

/**
 * The file at `path` below a folder, whatever its extension and normalisation. It is searched for
 * in the listings of folders, so that no name of a sample or camera (such as "..") can lead
 * elsewhere.
 */
async function findMap(
  directory: string,
  path: readonly string[],
): Promise<{ folder: string; name: string; read: Reader } | null> {
  let folder = directory;
  for (const part of path.slice(0, -1)) {
    const entries = await listFolder(folder);
    const next = entries.find(({ key, isFolder }) => isFolder && key === nameKey(part));
    if (next === undefined) return null;
    folder = join(folder, next.name);
  }
  const stem = nameKey(path.at(-1)!);
  const found = (await listFolder(folder)).flatMap(({ name, key }) => {
    const { name: own, ext } = parse(key);
    const extension = ext.slice(1).toLowerCase();
    if (own !== stem || !Object.hasOwn(READERS, extension)) return [];
    return [{ folder, name, read: READERS[extension] }];
  });
  if (found.length > 1) {
    throw new InputError(
      `${join(folder, found[1].name)}: a second map for this camera; the other is ${found[0].name}`,
    );
  }
  return found[0] ?? null;
}
