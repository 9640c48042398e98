// The files of a network's weights: one safetensors file, or shards with their index, and the
// config.json beside them. Knows no tensor names.
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { listFolder } from "../../data/entries.ts";
import { readBytes, readBytesIfThere, systemReason } from "../../formats/atomic_file.ts";
import { checkRelative } from "../../formats/inside_root.ts";
import { parseJson } from "../../formats/json.ts";
import { readSafetensors, type StoredTensor } from "../../formats/safetensors.ts";
import { InputError } from "../../tensor/error.ts";

/** A tensor as stored, and the file that has it. */
export interface WeightTensor extends StoredTensor {
  readonly file: string;
}

/** The weights that a path names. */
export interface WeightFiles {
  /** For errors: the file, or the index of the shards. */
  readonly file: string;
  readonly tensors: ReadonlyMap<string, WeightTensor>;
  /** The value of config.json; null where there is none. */
  readonly config: { readonly file: string; readonly value: unknown } | null;
  /** SHA-256 over the bytes of all of these files. */
  readonly digest: string;
}

/** The places of the files that a path names. */
interface Places {
  readonly file: string;
  /** Files of tensors. */
  readonly shards: readonly string[];
  /** The shard of each tensor by the index; null without one. */
  readonly index: ReadonlyMap<string, string> | null;
}

const INDEX = "model.safetensors.index.json";
const SINGLE = "model.safetensors";

const indexFile = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/**
 * Reads the weights at `path`: a .safetensors file, an index of shards, or a folder with either.
 * Throws InputError naming the file that is missing or broken, a tensor that two shards have, and
 * one that is not in the shard of the index.
 */
export async function readWeightFiles(path: string): Promise<WeightFiles> {
  const { file, shards, index } = await findPlaces(path);
  const hash = createHash("sha256");
  const tensors = new Map<string, WeightTensor>();
  for (const shard of shards) {
    const bytes = await readBytes(shard);
    hash.update(`${bytes.length}\n`).update(bytes);
    for (const [name, tensor] of readSafetensors(bytes, shard).tensors) {
      const other = tensors.get(name);
      if (other !== undefined) {
        throw new InputError(`${shard}: tensor ${name} is in ${other.file} too`);
      }
      tensors.set(name, { ...tensor, file: shard });
    }
  }
  for (const [name, shard] of index ?? []) {
    if (tensors.get(name)?.file === shard) continue;
    throw new InputError(`${file}: says that ${shard} has tensor ${name}, which it does not have`);
  }
  const place = join(dirname(file), "config.json");
  const bytes = await readBytesIfThere(place);
  if (bytes !== null) hash.update(`config ${bytes.length}\n`).update(bytes);
  return {
    file,
    tensors,
    config: bytes && { file: place, value: parseJson(bytes, place) },
    digest: hash.digest("hex"),
  };
}

/** A file of weights, its size, and when its content and its entry in the file system changed. */
export interface WeightPlace {
  readonly file: string;
  readonly bytes: number;
  readonly modified_ms: number;
  /** Tells a file that was copied over another of the same size with its old time. */
  readonly changed_ms?: number;
}

/** The files of the weights at `path` without reading their tensors; throws as `readWeightFiles` does. */
export async function weightPlaces(path: string): Promise<WeightPlace[]> {
  const { file, shards } = await findPlaces(path);
  const config = join(dirname(file), "config.json");
  const places: WeightPlace[] = [];
  for (const name of new Set([file, ...shards, config])) {
    const found = await stat(name).catch((error: NodeJS.ErrnoException) => {
      if (name === config && error.code === "ENOENT") return null;
      throw new InputError(`${name}: cannot read: ${systemReason(error)}`);
    });
    if (found === null) continue;
    places.push({
      file: resolve(name),
      bytes: found.size,
      modified_ms: found.mtimeMs,
      changed_ms: found.ctimeMs,
    });
  }
  return places;
}

async function findPlaces(path: string): Promise<Places> {
  const found = await stat(path).catch((error: unknown) => {
    throw new InputError(`${path}: cannot read the weights: ${systemReason(error)}`);
  });
  const file = found.isDirectory() ? await weightsIn(path) : path;
  if (!file.endsWith(".json")) return { file, shards: [file], index: null };
  const checked = indexFile.safeParse(parseJson(await readBytes(file), file));
  if (!checked.success) {
    throw new InputError(`${file}: weight_map: expected the file of each tensor by its name`);
  }
  const folder = dirname(file);
  const index = new Map<string, string>();
  for (const [name, shard] of Object.entries(checked.data.weight_map)) {
    checkRelative(shard, file);
    index.set(name, join(folder, shard));
  }
  const shards = [...new Set(index.values())].toSorted();
  if (shards.length === 0) throw new InputError(`${file}: weight_map: names no tensor`);
  return { file, shards, index };
}

/** The weights of a folder; throws InputError where there are none, or more than one. */
async function weightsIn(folder: string): Promise<string> {
  const names = (await listFolder(folder)).map(({ name }) => basename(name));
  for (const name of [SINGLE, INDEX]) if (names.includes(name)) return join(folder, name);
  const others = names.filter((name) => name.endsWith(".safetensors"));
  if (others.length === 1) return join(folder, others[0]);
  throw new InputError(
    others.length === 0
      ? `${folder}: no weights: expected ${SINGLE}, ${INDEX} or one other .safetensors file`
      : `${folder}: has ${others.length} .safetensors files; name one of them`,
  );
}
