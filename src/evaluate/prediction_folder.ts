// A folder of predicted maps, whoever made them: what `ringdepth predict` writes, or maps named like
// those of a teacher (src/teacher/README.md).
//
//   DIR/SAMPLE/CAMERA.npy, .pfm or .png   [h, w]; SAMPLE with folders, or as `predict` names it
//   DIR/SAMPLE/CAMERA.mask.npy ...        [h', w'], where teacher.json has "mask": true
//   DIR/teacher.json                      optional: {"kind": "disparity", "name": "..."}
//
// Without teacher.json the maps are depth in metres, and a 16-bit PNG has metres x 256. With it a PNG
// holds the quantity itself. If a camera has several files, npy comes before pfm and png.
import { existsSync } from "node:fs";
import { join, parse } from "node:path";
import { z } from "zod";
import type { ImageSize } from "../data/camera.ts";
import { listFolder, type Entry } from "../data/entries.ts";
import { nameKey } from "../formats/name_key.ts";
import { readJson } from "../data/json_file.ts";
import { toFloat32 } from "../formats/elements.ts";
import { readInside } from "../formats/inside_root.ts";
import { readNpy } from "../formats/npy.ts";
import { readPfm } from "../formats/pfm.ts";
import { readGrey16Png } from "../formats/png16.ts";
import { InputError } from "../tensor/error.ts";
import { formatShape } from "../tensor/shape.ts";
import type { MapQuantity } from "./affine.ts";
import { resizedMask } from "./map_mask.ts";
import { cameraStems, momentFolders } from "./prediction_names.ts";

/** A moment whose maps are wanted. */
export interface MomentNames {
  readonly id: string;
  readonly cameras: readonly { readonly name: string }[];
}

/** The maps of one moment. */
export interface PredictedMaps {
  /** `[V, h, w]` of the folder's quantity. */
  readonly values: Float32Array;
  readonly size: ImageSize;
  /** `[V, h, w]`, 0 where the maps do not count; without it they count everywhere. */
  readonly counts?: Uint8Array;
}

/** A folder of predictions. */
export interface PredictionFolder {
  /** For people. */
  readonly name: string;
  readonly quantity: MapQuantity;
  /**
   * The maps of a moment, all of one size. Throws InputError naming the file where one is missing,
   * broken, of another size than the first, or holds a number that its quantity cannot have.
   */
  readonly maps: (moment: MomentNames) => Promise<PredictedMaps>;
}

/** Choices about a folder of predictions. */
export interface PredictionChoices {
  /** Steps per metre of a 16-bit PNG without teacher.json (default 256). */
  readonly png_scale?: number;
  /** Metres of a pixel of kind metric_depth that has none. */
  readonly none_m: number;
}

const QUANTITIES: Readonly<Record<string, MapQuantity>> = {
  disparity: "disparity",
  depth: "depth",
  relative_depth: "depth",
  log_depth: "log_depth",
  metric_depth: "metres",
};

const description = z.object({
  kind: z.string(),
  name: z.string(),
  mask: z.boolean().default(false),
});

const MAP_LIMIT_BYTES = 2 ** 30;
const PNG_STEPS_PER_METRE = 256;
const EXTENSIONS = ["npy", "pfm", "png"] as const;

/** Opens a folder of predictions; throws InputError for a missing folder or a broken teacher.json. */
export async function predictionFolder(
  directory: string,
  { png_scale = PNG_STEPS_PER_METRE, none_m }: PredictionChoices,
): Promise<PredictionFolder> {
  if (!existsSync(directory)) throw new InputError(`${directory}: no such folder of predictions`);
  const about = existsSync(join(directory, "teacher.json"))
    ? await readJson(directory, "teacher.json", description)
    : null;
  const kind = about?.kind ?? "metric_depth";
  if (!Object.hasOwn(QUANTITIES, kind)) {
    throw new InputError(
      `${join(directory, "teacher.json")}: kind has no depth to evaluate; expected one of ` +
        Object.keys(QUANTITIES).join(", "),
    );
  }
  const quantity = QUANTITIES[kind];
  const steps = about === null ? png_scale : 1;
  const folders = momentFolders();
  return {
    name: about?.name ?? directory,
    quantity,
    maps: async ({ id, cameras }) => {
      const nested = id.split("/");
      const folder =
        (await findFolder(directory, nested)) ?? (await findFolder(directory, [folders.of(id)]));
      if (folder === null) {
        throw new InputError(
          `sample ${id}: ${directory} has no folder ${join(...nested)} or ${folders.of(id)}`,
        );
      }
      const stems = cameraStems(cameras);
      const readView = async (view: number, suffix: string): Promise<Map2d> => {
        const { name } = cameras[view];
        const found =
          (await findMap(folder, `${name}${suffix}`)) ??
          (await findMap(folder, `${stems[view]}${suffix}`));
        if (found !== null) return await readMap(found, directory, steps);
        throw new InputError(
          `sample ${id}, camera ${name}: no ${suffix === "" ? "prediction" : "mask"} ` +
            `${join(folder, name)}${suffix} with ` +
            EXTENSIONS.map((extension) => `.${extension}`).join(", "),
        );
      };
      const maps: Map2d[] = [];
      for (let view = 0; view < cameras.length; view++) {
        const map = await readView(view, "");
        maps.push(checkedMap(map, maps[0] ?? map, quantity, about === null ? null : none_m));
      }
      const [{ height, width }] = maps;
      const size = { height, width };
      const plane = height * width;
      const values = new Float32Array(maps.length * plane);
      maps.forEach((map, view) => values.set(map.values, view * plane));
      if (about?.mask !== true) return { values, size };
      const counts = new Uint8Array(maps.length * plane);
      for (let view = 0; view < cameras.length; view++) {
        counts.set(maskOf(await readView(view, ".mask"), size), view * plane);
      }
      return { values, size, counts };
    },
  };
}

interface Map2d extends ImageSize {
  readonly file: string;
  readonly values: Float32Array;
}

interface FoundFile {
  readonly folder: string;
  readonly name: string;
  readonly extension: string;
}

/**
 * A folder below `directory`, searched for in listings so that no name of a sample (such as "..")
 * leads elsewhere.
 */
async function findFolder(directory: string, path: readonly string[]): Promise<string | null> {
  let folder = directory;
  for (const part of path) {
    const entries: Entry[] = await listFolder(folder);
    const next = entries.find(({ key, isFolder }) => isFolder && key === nameKey(part));
    if (next === undefined) return null;
    folder = join(folder, next.name);
  }
  return folder;
}

/** The map of a camera, whose name may have folders; the first extension that exists. */
async function findMap(folder: string, camera: string): Promise<FoundFile | null> {
  const parts = camera.split("/");
  const own = await findFolder(folder, parts.slice(0, -1));
  if (own === null) return null;
  const stem = nameKey(parts.at(-1)!);
  const files = (await listFolder(own)).flatMap(({ name, key, isFolder }) => {
    const { name: keyStem, ext } = parse(key);
    if (isFolder || keyStem !== stem) return [];
    return [{ folder: own, name, extension: ext.slice(1).toLowerCase() }];
  });
  for (const extension of EXTENSIONS) {
    const found = files.find((file) => file.extension === extension);
    if (found !== undefined) return found;
  }
  return null;
}

async function readMap(
  { folder, name, extension }: FoundFile,
  directory: string,
  pngSteps: number,
): Promise<Map2d> {
  const file = join(folder, name);
  const bytes = await readInside(folder, name, MAP_LIMIT_BYTES, directory);
  if (extension === "png") {
    const { height, width, data } = await readGrey16Png(bytes, file);
    return { file, height, width, values: Float32Array.from(data, (steps) => steps / pngSteps) };
  }
  if (extension === "pfm") {
    const { height, width, channels, data } = readPfm(bytes, file);
    if (channels !== 1) throw new InputError(`${file}: has ${channels} channels, expected one`);
    return { file, height, width, values: data };
  }
  const { shape, data } = readNpy(bytes, file);
  const [height, width, channels = 1] = shape;
  if (shape.length < 2 || shape.length > 3 || channels !== 1) {
    throw new InputError(`${file}: has shape ${formatShape(shape)}, expected [h, w]`);
  }
  return { file, height, width, values: toFloat32(data) };
}

/** A mask at the size of its maps; throws InputError for a number below 0 or not finite. */
function maskOf(map: Map2d, size: ImageSize): Uint8Array {
  const { file, width, values } = map;
  if (values.length === 0) throw new InputError(`${file}: the map is empty`);
  const bad = values.findIndex((value) => !(value >= 0 && value < Infinity));
  if (bad >= 0) {
    throw new InputError(
      `${file}: row ${Math.floor(bad / width)}, column ${bad % width} is ${values[bad]}; expected 0 ` +
        `where the map does not count, else above 0`,
    );
  }
  return resizedMask(
    Uint8Array.from(values, (value) => (value > 0 ? 1 : 0)),
    map,
    size,
  );
}

/**
 * The map, with `none_m` where it has no depth. Throws InputError for an empty map, a size other
 * than that of the `first` and a number that the quantity cannot have.
 */
function checkedMap(map: Map2d, first: Map2d, quantity: MapQuantity, none_m: number | null): Map2d {
  const { file, height, width, values } = map;
  if (values.length === 0) throw new InputError(`${file}: the map is empty`);
  if (height !== first.height || width !== first.width) {
    throw new InputError(
      `${file}: has ${height}x${width} pixels, but ${first.file} has ${first.height}x${first.width}; ` +
        `save all maps of a moment at one size`,
    );
  }
  const isMetric = quantity === "metres";
  const bad = values.findIndex(
    (value) => !Number.isFinite(value) || (isMetric && (none_m === null ? value <= 0 : value < 0)),
  );
  if (bad >= 0) {
    const expected = isMetric ? "a depth above 0" : "a finite number";
    const advice =
      isMetric && none_m === null && values[bad] === 0
        ? `; a teacher.json of kind metric_depth lets 0 stand for none, which counts as the cap`
        : "";
    throw new InputError(
      `${file}: row ${Math.floor(bad / width)}, column ${bad % width} is ${values[bad]}; expected ` +
        `${expected}${advice}`,
    );
  }
  if (!isMetric || none_m === null) return map;
  return { ...map, values: values.map((value) => (value > 0 ? value : none_m)) };
}
