// Self-occlusion masks of a rig, one file per camera in ROOT/mask/ or ROOT/masks/. A mask is used
// only if its name matches exactly one camera. Any other file or folder of masks is an error,
// because a silently ignored mask would mean training on the vehicle's own body.
import { join, parse } from "node:path";
import { insideRoot, readInside } from "../formats/inside_root.ts";
import { InputError } from "../tensor/error.ts";
import type { Camera, ImageSize } from "./camera.ts";
import { listFolder } from "./entries.ts";
import { looseKey } from "../formats/name_key.ts";
import { decodeMask, IMAGE_LIMIT_BYTES, type MaskPolarity } from "./image_file.ts";

/** The masks of a rig. */
export interface Masks {
  /**
   * `[size.height, size.width]`, 1 = usable, or null for a camera without mask. Rejects with
   * InputError as `decodeMask` does.
   */
  readonly of: (camera: Camera, size: ImageSize, scene?: string) => Promise<Uint8Array | null>;
}

/** A folder that may contain masks, and how they are read. */
export interface MaskFolder extends MaskPolarity {
  readonly name: RegExp;
}

const USUAL_FOLDER: MaskFolder = { name: /^masks?$/i };

// A folder or file with such a name is meant to contain masks.
const MASK_LIKE = /mask|occlu/i;
const ENDINGS = [".png", ".jpg", ".jpeg"];
// A read-me file next to masks is not a mask.
const TEXT_ENDINGS: ReadonlySet<string> = new Set([
  ".txt",
  ".md",
  ".rst",
  ".json",
  ".yaml",
  ".yml",
  ".csv",
  ".html",
]);

/**
 * Finds the masks below `root` for cameras of these names. Names match regardless of case, ending
 * in .png, .jpg or .jpeg, with or without "mask" before or after the camera's name. Throws
 * InputError for a file that matches no camera, for two files that match one camera, for two
 * folders of masks, and for a folder of another name that holds a picture named like a camera.
 */
export async function findMasks(
  root: string,
  cameras: readonly string[],
  further: readonly MaskFolder[] = [],
): Promise<Masks> {
  const found = await maskFolder(root, further);
  const folder = found?.path ?? null;
  await refuseOtherMasks(root, cameras);
  const files = folder === null ? new Map<string, string>() : await maskFiles(folder, cameras);
  const read = maskReader(root);
  return {
    of: async (camera, size) => {
      const name = files.get(looseKey(camera.name));
      if (folder === null || name === undefined) return null;
      return await read(folder, name, camera, size, found?.form);
    },
  };
}

/** Decodes each mask once per size. */
export function maskReader(
  root: string,
): (
  folder: string,
  name: string,
  camera: Camera,
  size: ImageSize,
  polarity?: MaskPolarity,
) => Promise<Uint8Array> {
  const read = new Map<string, Promise<Uint8Array>>();
  return async (folder, name, camera, size, polarity) => {
    const { width, height } = camera;
    const key = JSON.stringify([folder, name, width, height, size.width, size.height]);
    const known = read.get(key);
    if (known) return await known;
    const fresh = readInside(folder, name, IMAGE_LIMIT_BYTES, root).then((bytes) =>
      decodeMask(bytes, join(folder, name), camera, size, polarity),
    );
    read.set(key, fresh);
    return await fresh;
  };
}

/** Throws InputError where the masks `usable` `[V, H, W]` of sample `id` leave no usable pixel. */
export function checkUsable(usable: Uint8Array, id: string): void {
  if (usable.includes(1)) return;
  throw new InputError(
    `sample ${id}: its masks leave no usable pixel in any camera; white is usable, black is the ` +
      `vehicle itself`,
  );
}

/**
 * Throws InputError for a folder or file below `folder` that seems to contain masks but is not
 * read.
 */
export async function refuseMasksIn(folder: string, read: string): Promise<void> {
  const stray = (await listFolder(folder)).find(({ key }) => MASK_LIKE.test(key));
  if (stray)
    throw new InputError(`${join(folder, stray.name)}: not read; masks are read from ${read}`);
}

/** The folder of masks below `root`, null for none; throws InputError as `findMasks` does. */
export async function maskFolder(
  root: string,
  further: readonly MaskFolder[],
): Promise<{ readonly path: string; readonly form: MaskFolder } | null> {
  const forms = [USUAL_FOLDER, ...further];
  const read = join(root, "mask", "CAMERA.png");
  const found: { path: string; form: MaskFolder }[] = [];
  for (const { name, key, isFolder } of await listFolder(root)) {
    if (!MASK_LIKE.test(key)) continue;
    const path = join(root, name);
    const form = forms.find((one) => one.name.test(key));
    if (!isFolder || form === undefined) {
      if (TEXT_ENDINGS.has(parse(key).ext.toLowerCase())) continue;
      throw new InputError(`${path}: not read; masks are read from ${read}`);
    }
    if ((await listFolder(path)).length > 0) found.push({ path, form });
  }
  if (found.length > 1) {
    throw new InputError(
      `${found[1].path}: a second folder of masks; the other is ${found[0].path}; keep one`,
    );
  }
  return found[0] ?? null;
}

/**
 * One picture of each camera for the whole rig can only be a mask, whatever its folder is called:
 * valid, vehicle, ego. Pictures of moments are one folder deeper.
 */
async function refuseOtherMasks(root: string, cameras: readonly string[]): Promise<void> {
  const keys = new Set(cameras.map(looseKey));
  for (const { name, key, isFolder } of await listFolder(root)) {
    if (!isFolder || key === "images" || key === "depth" || MASK_LIKE.test(key)) continue;
    // A folder that cannot be listed, or is outside the root, belongs to somebody else.
    const inside = insideRoot(root, name).then(async () => await listFolder(join(root, name)));
    for (const file of await inside.catch(() => [])) {
      const { name: stem, ext } = parse(file.key);
      if (file.isFolder || !ENDINGS.includes(ext.toLowerCase()) || !keys.has(bareKey(stem)))
        continue;
      throw new InputError(
        `${join(root, name, file.name)}: not read, but named like the mask of a camera; masks are ` +
          `read from ${join(root, "mask")}`,
      );
    }
  }
}

/** The loose key of a file's stem without "mask" before or after it. */
function bareKey(stem: string): string {
  return looseKey(stem).replace(/^masks?[-_. ]?|[-_. ]?masks?$/g, "");
}

/** Files of masks by the `looseKey` of their camera; throws InputError as `findMasks` does. */
export async function maskFiles(
  folder: string,
  cameras: readonly string[],
): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const keys = new Set(cameras.map(looseKey));
  for (const { name, isFolder } of await listFolder(folder)) {
    const { name: stem, ext } = parse(name);
    if (!isFolder && TEXT_ENDINGS.has(ext.toLowerCase())) continue;
    const loose = looseKey(stem);
    // vidar names the masks of CAMERA_01 to CAMERA_09 by number.
    const tries = [loose, bareKey(stem), `camera_${bareKey(stem)}`];
    const camera = tries.find((key) => keys.has(key));
    const at = join(folder, name);
    if (isFolder || camera === undefined || !ENDINGS.includes(ext.toLowerCase())) {
      const read = `masks are read from CAMERA.png or .jpg, with CAMERA one of ${cameras.join(", ")}`;
      throw new InputError(`${at}: matches no camera and is not read; ${read}`);
    }
    const other = files.get(camera);
    if (other !== undefined) {
      throw new InputError(
        `${at}: a second mask for one camera; the other is ${join(folder, other)}`,
      );
    }
    files.set(camera, name);
  }
  return files;
}
