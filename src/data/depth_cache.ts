// Keeps projected depth in files, so that an epoch does not unpack and project its clouds again. The
// name of an entry is a hash of everything that it follows from, and an entry appears whole or not at
// all: any number of processes may share a folder. A damaged entry is computed and written again.
//
//   FOLDER/<two digits of the key>/<key>.safetensors   sealed; pixels.V u32 [n], depth_m.V f32 [n]
import { dirname, join } from "node:path";
import { readBytesIfThere, writeFileAtomically } from "../formats/atomic_file.ts";
import { makeFolder } from "../formats/make_folder.ts";
import { openSealed, sealSafetensors } from "../formats/sealed_file.ts";
import { cachedFile } from "../measure/environment.ts";
import { InputError } from "../tensor/error.ts";
import type { ImageSize } from "./camera.ts";
import { checkTruth, type GroundTruth } from "./rig_sample.ts";

// Part of every key: raise it when the projection or the file changes.
const VERSION = "1";

/** The folder of projected depth in the user's cache; null if there is none. */
export function depthCacheFolder(): string | null {
  return cachedFile((folder) => join(folder, "depth", VERSION), null);
}

/**
 * The maps of entry `key`, one per size of `sizes`: from the file of `folder`, or computed and kept
 * there. Where the file cannot be written, or `folder` is null, they are only computed.
 */
export async function keptMaps(
  folder: string | null,
  key: string,
  sizes: readonly ImageSize[],
  compute: () => readonly GroundTruth[],
): Promise<readonly GroundTruth[]> {
  if (folder === null) return compute();
  const file = join(folder, key.slice(0, 2), `${key}.safetensors`);
  const kept = await readMaps(file, sizes);
  if (kept !== null) return kept;
  const maps = compute();
  await writeMaps(file, maps);
  return maps;
}

/** The maps of a file; null if there is none, or it is damaged or of other sizes. */
async function readMaps(
  file: string,
  sizes: readonly ImageSize[],
): Promise<readonly GroundTruth[] | null> {
  try {
    const bytes = await readBytesIfThere(file);
    if (bytes === null) return null;
    const { tensors, sealed } = openSealed(bytes, file);
    if (!sealed || tensors.size !== 2 * sizes.length) return null;
    return sizes.map(({ height, width }, v) => {
      const pixels = tensors.get(`pixels.${v}`)?.data;
      const depth_m = tensors.get(`depth_m.${v}`)?.data;
      if (!(pixels instanceof Uint32Array) || !(depth_m instanceof Float32Array)) {
        throw new InputError(`${file}: has no maps of view ${v}`);
      }
      const map = { height, width, pixels, depth_m };
      checkTruth(map, file);
      return map;
    });
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

async function writeMaps(file: string, maps: readonly GroundTruth[]): Promise<void> {
  const tensors = maps.flatMap(({ pixels, depth_m }, v) => [
    { name: `pixels.${v}`, shape: [pixels.length], data: pixels },
    { name: `depth_m.${v}`, shape: [depth_m.length], data: depth_m },
  ]);
  try {
    await makeFolder(dirname(file));
    await writeFileAtomically(file, sealSafetensors(tensors, {}));
  } catch {
    // A cache only saves time: a full or read-only disk must not stop a run that only reads data.
  }
}
