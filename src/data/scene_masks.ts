// Self-occlusion masks of DDAD, in the layouts of the code bases that publish them. The layout decides
// the polarity:
//
//   ROOT/mask/CAMERA.png                      one set for all scenes, white = usable (vidar: 01.png)
//   ROOT/mask/<scene>/CAMERA.png              a set per scene, white = usable
//   ROOT/mask/CAMERA/<scene>/mask.png         SurroundDepth: black = usable
//   ROOT/ddad_mask/<set>/CAMERA_mask.png      VFDepth: white = usable, with the set of each scene in
//   ROOT/ddad_mask/mask_idx_dict.pkl          {scene number: set}, or .json {"0": 0, "1": 0, ...}
//
// The folder may be called mask, masks, ddad_mask or ddad_masks. Where masks are per scene, a scene
// without masks is an error: it would train on the vehicle's own body.
import { join } from "node:path";
import { z } from "zod";
import { readInside } from "../formats/inside_root.ts";
import { readPickledNumbers } from "../formats/pickled_numbers.ts";
import { InputError } from "../tensor/error.ts";
import type { Camera } from "./camera.ts";
import { listFolder, type Entry } from "./entries.ts";
import { looseKey, nameKey } from "../formats/name_key.ts";
import { readJson } from "./json_file.ts";
import {
  findMasks,
  maskFiles,
  maskFolder,
  maskReader,
  type MaskFolder,
  type Masks,
} from "./masks.ts";

const DDAD_FOLDER: MaskFolder = { name: /^ddad_masks?$/i };
const INDEX_NAMES = ["mask_idx_dict.json", "mask_idx_dict.pkl"];
const INDEX_LIMIT_BYTES = 2 ** 20;
const indexFile = z.record(z.string().regex(/^\d+$/), z.number().int().nonnegative());

/** Where the mask of a camera in a scene is; null for a camera without mask. */
type Place = (camera: Camera, scene: string) => { folder: string; name: string } | null;

/**
 * Finds the masks below `root` for cameras and scenes of these names. Throws InputError as `findMasks`
 * does, for layouts that are mixed, and for a scene that has no mask where masks are per scene.
 */
export async function findSceneMasks(
  root: string,
  cameras: readonly string[],
  scenes: readonly string[],
): Promise<Masks> {
  const found = await maskFolder(root, [DDAD_FOLDER]);
  const entries = found === null ? [] : await listFolder(found.path);
  const folders = entries.filter(({ isFolder }) => isFolder);
  if (found === null || folders.length === 0) return await findMasks(root, cameras, [DDAD_FOLDER]);
  const index = entries.find(({ key }) => INDEX_NAMES.includes(key));
  const stray = entries.find(({ isFolder, key }) => !isFolder && /\.(png|jpe?g)$/i.test(key));
  if (stray) {
    throw new InputError(
      `${join(found.path, stray.name)}: is next to folders of masks; keep one layout`,
    );
  }
  const keys = new Set(cameras.map(looseKey));
  const isByCamera = folders.every(({ key }) => keys.has(looseKey(key)));
  const place = index
    ? await byIndex(found.path, index, cameras, scenes)
    : isByCamera
      ? await byCamera(found.path, folders, scenes)
      : await byScene(found.path, folders, cameras, scenes);
  const read = maskReader(root);
  return {
    of: async (camera, size, scene = "") => {
      const at = place(camera, scene);
      if (at === null) return null;
      const polarity = { blackIsUsable: isByCamera && !index };
      return await read(at.folder, at.name, camera, size, polarity);
    },
  };
}

/** SurroundDepth: a folder per camera, in it a folder per scene. */
async function byCamera(
  folder: string,
  cameras: readonly Entry[],
  scenes: readonly string[],
): Promise<Place> {
  const own = new Map<string, Map<string, string>>();
  for (const { name, key } of cameras) {
    const at = join(folder, name);
    const places = new Map<string, string>();
    for (const scene of await listFolder(at)) places.set(scene.key, join(at, scene.name));
    for (const scene of scenes) {
      const path = places.get(nameKey(scene));
      const files = path === undefined ? [] : await listFolder(path);
      if (files.some((file) => file.key === "mask.png")) continue;
      throw new InputError(`${join(at, scene, "mask.png")}: no such mask; scene ${scene} has none`);
    }
    own.set(looseKey(key), places);
  }
  return (camera, scene) => {
    const path = own.get(looseKey(camera.name))?.get(nameKey(scene));
    return path === undefined ? null : { folder: path, name: "mask.png" };
  };
}

async function byScene(
  folder: string,
  folders: readonly Entry[],
  cameras: readonly string[],
  scenes: readonly string[],
): Promise<Place> {
  const names = new Map(folders.map(({ key, name }) => [key, name]));
  const own = new Map<string, { path: string; files: ReadonlyMap<string, string> }>();
  for (const scene of scenes) {
    const name = names.get(nameKey(scene));
    if (name === undefined) {
      throw new InputError(
        `${join(folder, scene)}: no such folder of masks; expected one for each scene, or one for ` +
          `each of ${cameras.join(", ")}`,
      );
    }
    const path = join(folder, name);
    own.set(scene, { path, files: await maskFiles(path, cameras) });
  }
  return placeIn(own);
}

/** VFDepth: sets of masks, and a file that says which scene has which. */
async function byIndex(
  folder: string,
  index: Entry,
  cameras: readonly string[],
  scenes: readonly string[],
): Promise<Place> {
  const file = join(folder, index.name);
  const sets = index.key.endsWith(".pkl")
    ? readPickledNumbers(await readInside(folder, index.name, INDEX_LIMIT_BYTES), file)
    : new Map(
        Object.entries(await readJson(folder, index.name, indexFile)).map(([scene, set]) => [
          Number(scene),
          set,
        ]),
      );
  const own = new Map<string, { path: string; files: ReadonlyMap<string, string> }>();
  for (const scene of scenes) {
    const set = /^\d+$/.test(scene) ? sets.get(Number(scene)) : undefined;
    if (set === undefined)
      throw new InputError(`${file}: names no set of masks for scene ${scene}`);
    const path = join(folder, String(set));
    own.set(scene, { path, files: await maskFiles(path, cameras) });
  }
  return placeIn(own);
}

function placeIn(
  sets: ReadonlyMap<string, { path: string; files: ReadonlyMap<string, string> }>,
): Place {
  return (camera, scene) => {
    const set = sets.get(scene);
    const name = set?.files.get(looseKey(camera.name));
    return set === undefined || name === undefined ? null : { folder: set.path, name };
  };
}
