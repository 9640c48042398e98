// Reads one map of a folder of teacher maps: npy, PFM or PNG, found by sample and camera.
import { createHash } from "node:crypto";
import { join, parse } from "node:path";
import type { ImageSize } from "../data/camera.ts";
import { listFolder } from "../data/entries.ts";
import { nameKey } from "../formats/name_key.ts";
import { toFloat32 } from "../formats/elements.ts";
import { readInside } from "../formats/inside_root.ts";
import { readNpy } from "../formats/npy.ts";
import { readPfm } from "../formats/pfm.ts";
import { readGrey16Png } from "../formats/png16.ts";
import { InputError } from "../tensor/error.ts";
import { formatShape } from "../tensor/shape.ts";

/** A map of one view as read, `[h, w, C]`. */
export interface ReadMap extends ImageSize {
  readonly channels: number;
  readonly values: Float32Array;
  /** For errors. */
  readonly file: string;
}

/** The place of a map in its folder, and what it must be. */
export interface MapPlace {
  readonly sample: string;
  readonly camera: string;
  /** The text between the camera's name and the extension, such as ".mask". */
  readonly suffix: string;
  /** C; if it is 1, an array may be [h, w] or [h, w, 1]. */
  readonly channels: number;
}

type Read = Omit<ReadMap, "file">;
type Reader = (bytes: Uint8Array, file: string) => Read | Promise<Read>;

// A map of 89 million pixels in f64 has 680 MiB.
const MAP_LIMIT_BYTES = 2 ** 30;

/** The readers by extension. */
const READERS: Readonly<Record<string, Reader>> = {
  npy: (bytes, file) => {
    const { shape, data } = readNpy(bytes, file);
    if (shape.length !== 2 && shape.length !== 3) {
      throw new InputError(`${file}: has shape ${formatShape(shape)}, expected [h, w]`);
    }
    const [height, width, channels = 1] = shape;
    return { height, width, channels, values: toFloat32(data) };
  },
  pfm: (bytes, file) => {
    const { height, width, channels, data } = readPfm(bytes, file);
    if (channels !== 1) throw new InputError(`${file}: has ${channels} channels, expected one`);
    return { height, width, channels, values: data };
  },
  png: async (bytes, file) => {
    const { height, width, data } = await readGrey16Png(bytes, file);
    return { height, width, channels: 1, values: Float32Array.from(data) };
  },
};

/**
 * Reads a map below `directory`. Throws InputError where it is missing or there twice, empty, of
 * another number of channels, or holds a number that is not finite.
 */
export async function readMap(directory: string, place: MapPlace): Promise<ReadMap> {
  const { channels } = place;
  const { folder, name, read } = await foundMap(directory, place);
  const file = join(folder, name);
  const map = await read(await readInside(folder, name, MAP_LIMIT_BYTES, directory), file);
  if (map.channels !== channels) {
    const axes = channels === 1 ? "[h, w]" : `[h, w, ${channels}]`;
    const found = formatShape([map.height, map.width, map.channels]);
    throw new InputError(`${file}: has shape ${found}, expected ${axes}`);
  }
  if (map.values.length === 0) throw new InputError(`${file}: the map is empty`);
  const bad = map.values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new InputError(`${elementPlace({ ...map, file }, bad)} is ${map.values[bad]}`);
  return { ...map, file };
}

/** A hash of the bytes of a map's file; throws InputError where it is missing. */
export async function mapDigest(directory: string, place: MapPlace): Promise<string> {
  const { folder, name } = await foundMap(directory, place);
  const bytes = await readInside(folder, name, MAP_LIMIT_BYTES, directory);
  return createHash("sha256").update(bytes).digest("hex");
}

/** File and indices of element `i` of a map, for errors. */
export function elementPlace({ file, width, channels }: ReadMap, i: number): string {
  const pixel = Math.floor(i / channels);
  const at = [Math.floor(pixel / width), pixel % width];
  return `${file}: element ${formatShape(channels === 1 ? at : [...at, i % channels])}`;
}

async function foundMap(
  directory: string,
  { sample, camera, suffix }: MapPlace,
): Promise<FoundMap> {
  const own = `${camera}${suffix}`;
  const found = await findMap(directory, [...sample.split("/"), ...own.split("/")]);
  if (found !== null) return found;
  const tried = Object.keys(READERS).map((extension) => `.${extension}`);
  const stem = join(directory, sample, own);
  throw new InputError(
    `sample ${sample}, camera ${camera}: no teacher map ${stem} with ${tried.join(", ")}`,
  );
}

interface FoundMap {
  readonly folder: string;
  readonly name: string;
  readonly read: Reader;
}

/**
 * The file at `path` below a folder, whatever its extension and normalisation. It is searched for
 * in the listings of folders, so that no name of a sample or camera (such as "..") can lead
 * elsewhere.
 */
async function findMap(directory: string, path: readonly string[]): Promise<FoundMap | null> {
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
