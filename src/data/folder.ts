// A folder of images with a rig.json: the form for anyone's own cameras.
//
//   ROOT/rig.json
//   ROOT/images/<moment>/<camera>.jpg or .png     every moment has every camera
//   ROOT/depth/<moment>/<camera>.png or .npy      optional, z-depth: 16-bit grey PNG holding
//                                                 metres x 256, or npy [H, W] in metres; 0 = none
//   ROOT/mask/<camera>.png                        optional self-occlusion, white = usable
//
//   { "cameras": [ { "name": "front", "width": 1600, "height": 900,
//                    "fx": 1266.4, "fy": 1266.4, "cx": 816.3, "cy": 491.5,
//                    "rotation": [0.5, -0.5, 0.5, -0.5], "translation_m": [1.7, 0, 1.5] } ],
//     "ring": ["front"], "held_out": ["moment_7"], "min_m": 0.1, "cap_m": 80 }
//
// fx, fy, cx, cy are pixels of the full image, with pixel centres at whole numbers; rotation [w, x,
// y, z] and translation_m lead from the camera (x right, y down, z forward) to the vehicle (x
// forward, y left, z up). "ring" names every camera once, neighbours side by side (without it: by
// yaw from the front, counter-clockwise). "held_out" keeps moments for evaluation (without it, all
// serve both).
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, parse } from "node:path";
import { z } from "zod";
import { readBytes } from "../formats/atomic_file.ts";
import { readNpy } from "../formats/npy.ts";
import { readDepthPng } from "../formats/png16.ts";
import { InputError } from "../tensor/error.ts";
import {
  checkedCamera,
  resizeIntrinsics,
  ringOrder,
  type Camera,
  type ImageSize,
} from "./camera.ts";
import type { DataSource, Split } from "./data_source.ts";
import { groundTruth, resizeSparse } from "./depth_map.ts";
import { readImage, readMask } from "./image_file.ts";
import { readJson } from "./json_file.ts";
import { checkedSample, isDepth, type GroundTruth, type RigSample } from "./rig_sample.ts";

const rigFile = z.strictObject({
  cameras: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        width: z.number(),
        height: z.number(),
        fx: z.number(),
        fy: z.number(),
        cx: z.number(),
        cy: z.number(),
        rotation: z.tuple([z.number(), z.number(), z.number(), z.number()]),
        translation_m: z.tuple([z.number(), z.number(), z.number()]),
      }),
    )
    .min(1),
  ring: z.array(z.string()).optional(),
  held_out: z.array(z.string()).default([]),
  min_m: z.number().positive().default(0.1),
  cap_m: z.number().positive().default(80),
});

/**
 * One moment as files, by camera in ring order; no depth files where only prediction is possible.
 */
interface Moment {
  readonly name: string;
  readonly images: readonly string[];
  readonly depths: readonly string[];
}

/**
 * Opens the folder `root`.
 *
 * Throws InputError for a missing folder, a rig.json with a misspelt key or a broken value, a file
 * named like no camera, a camera without its image, and a depth/ that lacks a map.
 */
export async function folder(root: string, split: Split): Promise<DataSource> {
  if (!existsSync(root)) throw new InputError(`folder:${root}: no such folder`);
  const file = join(root, "rig.json");
  const rig = await readJson(file, rigFile);
  const cameras = orderedCameras(rig.cameras, rig.ring, file);
  const canTrain = existsSync(join(root, "depth"));
  const names = await momentNames(root, rig.held_out, split, file);
  const moments: Moment[] = [];
  for (const name of names) {
    const images = await cameraFiles(join(root, "images", name), cameras, [
      ".jpg",
      ".jpeg",
      ".png",
    ]);
    const depths = canTrain
      ? await cameraFiles(join(root, "depth", name), cameras, [".png", ".npy"])
      : [];
    moments.push({ name, images, depths });
  }
  return {
    name: `folder:${root}`,
    split,
    protocol: { name: "folder", min_m: rig.min_m, cap_m: rig.cap_m },
    cameras,
    // nuScenes' reference: any constant serves, as long as training and prediction share it.
    focalReference_px: 500,
    canTrain,
    count: moments.length,
    sample: async (index, size) => readSample(root, cameras, moments[index], size),
    describe: () =>
      `folder ${root}, ${moments.length} ${split} moments, ${cameras.length} cameras` +
      (canTrain ? "" : ", no depth/: prediction only"),
  };
}

function orderedCameras(
  written: readonly Camera[],
  ring: readonly string[] | undefined,
  file: string,
): Camera[] {
  const cameras = new Map<string, Camera>();
  for (const camera of written) {
    if (cameras.has(camera.name))
      throw new InputError(`${file}: camera ${camera.name} stands twice`);
    cameras.set(camera.name, checkedCamera(camera, file));
  }
  if (!ring) return ringOrder([...cameras.values()]);
  const ordered = ring.map((name, place) => {
    const camera = cameras.get(name);
    if (!camera)
      throw new InputError(`${file}: ring: unknown camera ${name}; ${known(cameras.keys())}`);
    if (ring.indexOf(name) !== place) throw new InputError(`${file}: ring: ${name} stands twice`);
    return camera;
  });
  const left = [...cameras.keys()].find((name) => !ring.includes(name));
  if (left !== undefined) throw new InputError(`${file}: ring: camera ${left} is missing`);
  return ordered;
}

async function momentNames(
  root: string,
  heldOut: readonly string[],
  split: Split,
  file: string,
): Promise<string[]> {
  const images = join(root, "images");
  if (!existsSync(images)) throw new InputError(`${images}: no such folder`);
  const entries = await readdir(images, { withFileTypes: true });
  const all = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const missing = heldOut.find((name) => !all.includes(name));
  if (missing !== undefined) throw new InputError(`${file}: held_out: no images/${missing}`);
  const names = all.filter(
    (name) => heldOut.length === 0 || heldOut.includes(name) === (split === "held-out"),
  );
  if (names.length === 0) throw new InputError(`${images}: no ${split} moment`);
  return names.toSorted();
}

/** The file of each camera in `directory`, in ring order; hidden files are not looked at. */
async function cameraFiles(
  directory: string,
  cameras: readonly Camera[],
  endings: readonly string[],
): Promise<string[]> {
  if (!existsSync(directory)) throw new InputError(`${directory}: no such folder`);
  const files = new Map<string, string>();
  for (const entry of (await readdir(directory)).filter((name) => !name.startsWith("."))) {
    const { name, ext } = parse(entry);
    const at = join(directory, entry);
    if (!endings.includes(ext.toLowerCase())) {
      throw new InputError(`${at}: expected a file that ends in ${endings.join(", ")}`);
    }
    if (!cameras.some((camera) => camera.name === name)) {
      const list = known(cameras.map((camera) => camera.name));
      throw new InputError(`${at}: unknown camera ${name}; ${list}`);
    }
    if (files.has(name)) throw new InputError(`${at}: a second file for camera ${name}`);
    files.set(name, at);
  }
  return cameras.map(({ name }) => {
    const at = files.get(name);
    if (at === undefined) throw new InputError(`${directory}: no file for camera ${name}`);
    return at;
  });
}

function known(names: Iterable<string>): string {
  return `rig.json has ${[...names].join(", ")}`;
}

async function readSample(
  root: string,
  native: readonly Camera[],
  moment: Moment,
  size: ImageSize,
): Promise<RigSample> {
  const pixels = size.height * size.width;
  const images = new Uint8Array(native.length * pixels * 3);
  const usable = new Uint8Array(native.length * pixels).fill(1);
  const sparse_depth_m = new Float32Array(native.length * pixels);
  const truth: GroundTruth[] = [];
  await Promise.all(
    native.map(async (camera, v) => {
      images.set(await readImage(moment.images[v], camera, size), v * pixels * 3);
      const mask = join(root, "mask", `${camera.name}.png`);
      if (existsSync(mask)) usable.set(await readMask(mask, camera, size), v * pixels);
      const depthFile = moment.depths[v];
      if (depthFile === undefined) return;
      truth[v] = groundTruth(await readDepth(depthFile, camera), camera);
      resizeSparse(sparse_depth_m.subarray(v * pixels, (v + 1) * pixels), truth[v], size);
    }),
  );
  return checkedSample({
    id: `folder/${moment.name}`,
    timestamp: moment.name,
    cameras: native.map((camera) => resizeIntrinsics(camera, size)),
    images,
    sparse_depth_m,
    usable,
    groundTruth: truth,
  });
}

/** A depth map `[H, W]` in metres at the camera's size; throws InputError naming file and pixel. */
async function readDepth(file: string, camera: Camera): Promise<Float32Array> {
  const bytes = await readBytes(file);
  const isNpy = file.toLowerCase().endsWith(".npy");
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
