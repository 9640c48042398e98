// Keeps the maps of a teacher, so that it computes each moment once: in memory up to a limit and, if
// a folder is named, in files that later runs and other processes read.
//
//   DIR/<2 digits>/<64 digits>.safetensors    sealed; one tensor per map, [V, h, w, C]
//
// The digits are a hash of the teacher, the content of the sample and the size. Two processes that
// write one entry write the same bytes, each to a file of its own that it then renames.
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ImageSize } from "../data/camera.ts";
import type { RigSample } from "../data/rig_sample.ts";
import { readBytes, systemReason, writeFileAtomically } from "../formats/atomic_file.ts";
import { makeFolder } from "../formats/make_folder.ts";
import { openSealed, sealSafetensors } from "../formats/sealed_file.ts";
import { InputError } from "../tensor/error.ts";
import { sampleKey } from "./sample_key.ts";
import { TEACHER_MAPS, type Teacher, type TeacherMaps } from "./teacher.ts";

/** Where maps are kept. */
export interface TeacherCache {
  /** Folder of the entries; null for memory alone. */
  readonly folder: string | null;
  /** Told about a damaged entry, which is computed and written again. */
  readonly onMessage?: (message: string) => void;
  /** Told of each entry whether a file had it. */
  readonly onEntry?: (from: "file" | "teacher") => void;
  readonly limit_bytes?: number;
}

// About 200 moments of 6 views at 64x128 with all maps of a fitted teacher.
const LIMIT_BYTES = 2 ** 30;
const FORMAT = "ringdepth teacher maps 1";

/**
 * The same teacher with its maps kept. Throws InputError for a teacher without identity, whose maps
 * cannot be told apart; `maps` throws it if an entry cannot be written.
 */
export function cachedTeacher(teacher: Teacher, cache: TeacherCache): Teacher {
  const { identity } = teacher;
  if (identity === undefined) {
    throw new InputError(`teacher ${teacher.name}: has no identity, so its maps cannot be cached`);
  }
  const { folder, onEntry, limit_bytes = LIMIT_BYTES } = cache;
  const kept = new Map<string, TeacherMaps>();
  let used_bytes = 0;
  const keep = (key: string, maps: TeacherMaps): void => {
    const bytes = Object.values(maps).reduce((sum, map) => sum + map.byteLength, 0);
    if (kept.has(key) || used_bytes + bytes > limit_bytes) return;
    kept.set(key, maps);
    used_bytes += bytes;
  };
  const onDisk = async (
    file: string,
    key: string,
    sample: RigSample,
    size: ImageSize,
  ): Promise<TeacherMaps> => {
    const stored = await readEntry(file, key, cache.onMessage);
    if (stored !== null) {
      onEntry?.("file");
      return stored;
    }
    const maps = await teacher.maps(sample, size);
    await entryFolder(dirname(file));
    await writeFileAtomically(file, entryBytes(key, teacher.name, sample, size, maps));
    onEntry?.("teacher");
    return maps;
  };
  return {
    ...teacher,
    maps: async (sample, size) => {
      const about = [FORMAT, await identity(sample), sampleKey(sample), size.height, size.width];
      const key = createHash("sha256").update(JSON.stringify(about)).digest("hex");
      const known = kept.get(key);
      if (known !== undefined) return known;
      const maps =
        folder === null
          ? await teacher.maps(sample, size)
          : await onDisk(entryFile(folder, key), key, sample, size);
      keep(key, maps);
      return maps;
    },
  };
}

function entryFile(folder: string, key: string): string {
  return join(folder, key.slice(0, 2), `${key}.safetensors`);
}

async function entryFolder(folder: string): Promise<void> {
  await makeFolder(folder).catch((error: unknown) => {
    throw new InputError(`${folder}: cannot make this folder: ${systemReason(error)}`);
  });
}

function entryBytes(
  key: string,
  teacher: string,
  sample: RigSample,
  { height, width }: ImageSize,
  maps: TeacherMaps,
): Uint8Array {
  const views = sample.cameras.length;
  const tensors = TEACHER_MAPS.flatMap((name) => {
    const data = maps[name];
    if (data === undefined) return [];
    return [{ name, shape: [views, height, width, data.length / (views * height * width)], data }];
  });
  return sealSafetensors(tensors, { format: FORMAT, key, teacher, sample: sample.id });
}

/** The maps of an entry; null if there is none, or if it is damaged, which `onMessage` is told. */
async function readEntry(
  file: string,
  key: string,
  onMessage: TeacherCache["onMessage"],
): Promise<TeacherMaps | null> {
  const found = await stat(file).catch(() => null);
  if (found === null) return null;
  try {
    const { tensors, metadata, sealed } = openSealed(await readBytes(file), file);
    if (!sealed || metadata["format"] !== FORMAT || metadata["key"] !== key) {
      throw new InputError(`${file}: its content belongs to another entry`);
    }
    const maps: TeacherMaps = {};
    for (const name of TEACHER_MAPS) {
      const data = tensors.get(name)?.data;
      if (data === undefined) continue;
      if (!(data instanceof Float32Array)) throw new InputError(`${file}: ${name} is not f32`);
      maps[name] = data;
    }
    return maps;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    onMessage?.(`${error.message}; the entry is computed and written again`);
    return null;
  }
}
