// A folder of images with a rig.json: the data format for your own cameras.
//
//   ROOT/rig.json
//   ROOT/images/<moment>/<camera>.jpg or .png     every moment has every camera
//   ROOT/depth/<moment>/<camera>.png or .npy      optional, z-depth: 16-bit grey PNG holding
//                                                 metres x 256, or npy [H, W] in metres; 0 = none
//   ROOT/mask/<camera>.png or .jpg                optional self-occlusion: white = usable, or 1 in a
//                                                 mask of labels 0 and 1; the folder may be called masks/
//
//   { "cameras": [ { "name": "front", "width": 1600, "height": 900,
//                    "fx": 1266.4, "fy": 1266.4, "cx": 816.3, "cy": 491.5,
//                    "rotation": [0.5, -0.5, 0.5, -0.5], "translation_m": [1.7, 0, 1.5] } ],
//     "ring": ["front"], "held_out": ["moment_7"], "min_m": 0.1, "cap_m": 80 }
//
// fx, fy, cx, cy are pixels of the full image, with pixel centres at whole numbers; rotation [w, x,
// y, z] and translation_m map the camera frame (x right, y down, z forward) to the vehicle frame (x
// forward, y left, z up). "ring" names every camera once, neighbours side by side (without it: by
// yaw from the front, counter-clockwise). "held_out" reserves moments for evaluation (without it,
// all moments are used for both).
//
// Names are compared in Unicode NFC; hidden files and those of tools (@eaDir, Thumbs.db) are
// ignored. ROOT, its folders and the folders of moments may be links; every file must be below one
// of them.
import { existsSync } from "node:fs";
import { join, parse } from "node:path";
import { insideRoot, readInside } from "../formats/inside_root.ts";
import { readNpy } from "../formats/npy.ts";
import { readDepthPng } from "../formats/png16.ts";
import { InputError } from "../tensor/error.ts";
import { resizeIntrinsics, type Camera, type ImageSize } from "./camera.ts";
import type { DataSource, Split } from "./data_source.ts";
import { groundTruth, resizeSparse } from "./depth_map.ts";
import { listFolder, type Entry } from "./entries.ts";
import { nameKey } from "../formats/name_key.ts";
import { decodeImage, IMAGE_LIMIT_BYTES } from "./image_file.ts";
import type { BadSamples } from "./loader.ts";
import { checkUsable, findMasks, type Masks } from "./masks.ts";
import { readJson } from "./json_file.ts";
import { imageIdentity } from "./image_identity.ts";
import { checkedRig, namesOf, rigFile } from "./rig_file.ts";
import { checkedSample, isDepth, type GroundTruth, type RigSample } from "./rig_sample.ts";

// A depth map of a camera of 89 million pixels in f64 has 680 MiB.
const DEPTH_LIMIT_BYTES = 2 ** 30;

/** The files of a moment in one folder, by camera in ring order. */
interface CameraFiles {
  readonly folder: string;
  readonly names: readonly string[];
}

/** One moment as files; without depth, only prediction is possible. */
interface Moment {
  readonly name: string;
  readonly images: CameraFiles;
  readonly depths: CameraFiles | null;
}

/** A moment with missing files, and its fault, which is thrown when the moment is read. */
interface BrokenMoment {
  readonly name: string;
  readonly fault: InputError;
}

/**
 * Opens the folder `root`.
 *
 * Throws InputError for a missing folder, a rig.json with a misspelt key or a broken value, and a
 * mask that would not be used. A moment with a file that matches no camera, without a camera's
 * image or depth map, or that is not a folder of files: also throws or, with `skip`, fails when it
 * is read.
 */
export async function folder(
  root: string,
  split: Split,
  badSamples: BadSamples = "stop",
): Promise<DataSource> {
  if (!existsSync(root)) throw new InputError(`folder:${root}: no such folder`);
  const file = join(root, "rig.json");
  const rig = checkedRig(await readJson(root, "rig.json", rigFile), file);
  const { cameras } = rig;
  const masks = await findMasks(
    root,
    cameras.map(({ name }) => name),
  );
  const depth = (await listFolder(root)).find(({ key }) => key === "depth");
  if (depth?.isFolder === false) throw new InputError(`${join(root, "depth")}: is not a folder`);
  const canTrain = depth !== undefined;
  const moments: (Moment | BrokenMoment)[] = [];
  const depthFolders = canTrain ? await listFolder(join(root, "depth")) : null;
  for (const entry of await momentFolders(root, rig.held_out, split, file)) {
    const moment = await momentFiles(root, entry, depthFolders, cameras);
    if ("fault" in moment && badSamples === "stop") throw moment.fault;
    moments.push(moment);
  }
  return {
    name: `folder:${root}`,
    split,
    protocol: { name: "folder", min_m: rig.min_m, cap_m: rig.cap_m },
    cameras,
    // nuScenes' reference: any constant works, because the student keeps the one it was trained
    // with.
    focalReference_px: 500,
    canTrain,
    count: moments.length,
    sample: async (index, size) => {
      const moment = moments[index];
      if ("fault" in moment) throw moment.fault;
      return await readSample(root, cameras, moment, masks, size);
    },
    identify: async (index) => {
      const moment = moments[index];
      if ("fault" in moment) throw moment.fault;
      const { folder: own, names } = moment.images;
      const files = names.map(async (name) => await insideRoot(own, name, root));
      return await imageIdentity(`folder/${moment.name}`, await Promise.all(files));
    },
    ...(canTrain && {
      countDepths: async (index: number): Promise<number> => {
        const moment = moments[index];
        if ("fault" in moment) throw moment.fault;
        return await countDepths(root, moment.depths!, cameras);
      },
    }),
    describe: () =>
      `folder ${root}, ${moments.length} moments, ${cameras.length} cameras` +
      (canTrain ? "" : ", no depth/: prediction only"),
  };
}

/** The moments of a split, by name. Includes broken links, which must not be ignored silently. */
async function momentFolders(
  root: string,
  heldOut: readonly string[],
  split: Split,
  file: string,
): Promise<Entry[]> {
  const images = join(root, "images");
  if (!existsSync(images)) throw new InputError(`${images}: no such folder`);
  const entries = await listFolder(images);
  const stray = entries.find(
    (entry) => !entry.isFolder && IMAGE_ENDINGS.includes(ending(entry.key)),
  );
  if (stray) {
    throw new InputError(
      `${join(images, stray.name)}: is not in the folder of a moment; expected images/MOMENT/CAMERA.jpg`,
    );
  }
  const all = entries.filter(({ isFolder, isBroken }) => isFolder || isBroken);
  const kept = new Set(heldOut.map(nameKey));
  const there = new Set(all.map(({ key }) => key));
  const missing = [...kept].find((name) => !there.has(name));
  if (missing !== undefined)
    throw new InputError(`${file}: held_out: there is no folder images/${missing}`);
  const own = all.filter(({ key }) => kept.size === 0 || kept.has(key) === (split === "held-out"));
  if (own.length === 0) throw new InputError(`${images}: no ${split} moment`);
  return own;
}

const IMAGE_ENDINGS = [".jpg", ".jpeg", ".png"];
const DEPTH_ENDINGS = [".png", ".npy"];

function ending(name: string): string {
  return parse(name).ext.toLowerCase();
}

/** The files of a moment, or the reason why they cannot be read. */
async function momentFiles(
  root: string,
  { name, key }: Entry,
  depthFolders: readonly Entry[] | null,
  cameras: readonly Camera[],
): Promise<Moment | BrokenMoment> {
  try {
    const images = await cameraFiles(join(root, "images", name), cameras, IMAGE_ENDINGS);
    if (depthFolders === null) return { name: key, images, depths: null };
    const depth = depthFolders.find((entry) => entry.key === key)?.name ?? name;
    const depths = await cameraFiles(join(root, "depth", depth), cameras, DEPTH_ENDINGS);
    return { name: key, images, depths };
  } catch (error) {
    if (error instanceof InputError) return { name: key, fault: error };
    throw error;
  }
}

/** The file of each camera in `directory`, in ring order. */
async function cameraFiles(
  directory: string,
  cameras: readonly Camera[],
  endings: readonly string[],
): Promise<CameraFiles> {
  if (!existsSync(directory)) throw new InputError(`${directory}: no such folder`);
  const files = new Map<string, string>();
  const known = new Set(cameras.map((camera) => camera.name));
  for (const { name: entry, key } of await listFolder(directory)) {
    const { name } = parse(key);
    const at = join(directory, entry);
    if (!endings.includes(ending(key))) {
      throw new InputError(`${at}: expected a file that ends in ${endings.join(", ")}`);
    }
    if (!known.has(name)) {
      throw new InputError(`${at}: unknown camera ${name}; ${namesOf(known)}`);
    }
    if (files.has(name)) throw new InputError(`${at}: a second file for camera ${name}`);
    files.set(name, entry);
  }
  const names = cameras.map(({ name }) => {
    const entry = files.get(name);
    if (entry === undefined) {
      const expected = endings.map((end) => `${name}${end}`).join(" or ");
      throw new InputError(`${directory}: no file for camera ${name}; expected ${expected}`);
    }
    return entry;
  });
  return { folder: directory, names };
}

async function readSample(
  root: string,
  native: readonly Camera[],
  moment: Moment,
  masks: Masks,
  size: ImageSize,
): Promise<RigSample> {
  const pixels = size.height * size.width;
  const images = new Uint8Array(native.length * pixels * 3);
  const usable = new Uint8Array(native.length * pixels).fill(1);
  const sparse_depth_m = new Float32Array(native.length * pixels);
  const truth: GroundTruth[] = [];
  // Which failure is reported must not depend on which read is faster.
  const reads = await Promise.allSettled(
    native.map(async (camera, v) => {
      const image = moment.images.names[v];
      const file = join(moment.images.folder, image);
      const bytes = await readInside(moment.images.folder, image, IMAGE_LIMIT_BYTES, root);
      images.set(await decodeImage(bytes, file, camera, size), v * pixels * 3);
      const mask = await masks.of(camera, size);
      if (mask) usable.set(mask, v * pixels);
      if (moment.depths === null) return;
      truth[v] = groundTruth(await readDepth(root, moment.depths, v, camera), camera);
      resizeSparse(sparse_depth_m.subarray(v * pixels, (v + 1) * pixels), truth[v], size);
    }),
  );
  for (const read of reads) if (read.status === "rejected") throw read.reason;
  const id = `folder/${moment.name}`;
  checkUsable(usable, id);
  return checkedSample({
    id,
    timestamp: moment.name,
    cameras: native.map((camera) => resizeIntrinsics(camera, size)),
    images,
    sparse_depth_m,
    usable,
    groundTruth: truth,
  });
}

/** Pixels with a depth in the maps of a moment; throws InputError for a broken map and for none. */
async function countDepths(
  root: string,
  depths: CameraFiles,
  cameras: readonly Camera[],
): Promise<number> {
  let count = 0;
  for (const [view, camera] of cameras.entries()) {
    const map = await readDepth(root, depths, view, camera);
    for (const depth_m of map) if (depth_m > 0) count++;
  }
  if (count > 0) return count;
  throw new InputError(`${depths.folder}: no pixel of these maps has a depth`);
}

/** A depth map `[H, W]` in metres at the camera's size; throws InputError naming file and pixel. */
async function readDepth(
  root: string,
  { folder: directory, names }: CameraFiles,
  view: number,
  camera: Camera,
): Promise<Float32Array> {
  const file = join(directory, names[view]);
  const bytes = await readInside(directory, names[view], DEPTH_LIMIT_BYTES, root);
  const isNpy = ending(file) === ".npy";
  const { shape, data } = isNpy ? readNpy(bytes, file) : asArray(await readDepthPng(bytes, file));
  const [height, width] = shape;
  if (shape.length !== 2 || height !== camera.height || width !== camera.width) {
    throw new InputError(
      `${file}: depth map [${shape.join(", ")}]; its camera has [${camera.height}, ${camera.width}]`,
    );
  }
  const depth_m = Float32Array.from({ length: height * width }, (_, i) => Number(data[i]));
  const bad = depth_m.findIndex((value) => !isDepth(value));
  if (bad >= 0) {
    throw new InputError(
      `${file}: depth at row ${Math.floor(bad / width)}, column ${bad % width} is ${depth_m[bad]}; ` +
        `expected metres, 0 for none`,
    );
  }
  return depth_m;
}

function asArray(map: { height: number; width: number; depth_m: Float32Array }): {
  shape: readonly number[];
  data: Float32Array;
} {
  return { shape: [map.height, map.width], data: map.depth_m };
}
