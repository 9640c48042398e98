// A teacher read from files: the maps of any foundation model, one per camera and moment.
// src/teacher/README.md has the format.
//
//   DIR/teacher.json                             {"kind": "disparity", "name": "Depth Anything V2"}
//   DIR/<sample id>/<camera>.npy, .pfm or .png   [h, w] of any size
//
// Names are compared in Unicode NFC. DIR and its folders may be links; a map must lie below one of
// them.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { InputScale } from "../data/batch.ts";
import type { ImageSize } from "../data/camera.ts";
import { readJson } from "../data/json_file.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import { binMaps, metricMaps, partMaps } from "./file_parts.ts";
import { mapDigest, readMap, type MapPlace } from "./map_files.ts";
import { areaAverage } from "./relative_depth.ts";
import { relativeTeacher, viewOf, type RelativeModel } from "./relative_model.ts";
import { INDEX_ONLY, type Teacher, type TeacherMaps, type TeacherParts } from "./teacher.ts";

const description = z
  .strictObject({
    kind: z.enum([
      "disparity",
      "depth",
      "relative_depth",
      "log_depth",
      "metric_depth",
      "binomial",
      "logits",
    ]),
    name: z.string(),
    /** K of binomial, logits and centres. */
    bins: z.number().int().min(2).max(256).optional(),
    centers: z.boolean().default(false),
    /** E. */
    embedding: z.number().int().min(0).max(4096).default(0),
    mask: z.boolean().default(false),
  })
  .refine(
    ({ kind, centers, bins }) =>
      bins !== undefined || (kind !== "binomial" && kind !== "logits" && !centers),
    {
      path: ["bins"],
      message: "the kinds binomial and logits need the number of bins, and so do centers",
    },
  );

/** The content of `teacher.json`. */
type FileDescription = z.infer<typeof description>;

/** The student's units: K, and what turns metres into centres. */
export interface StudentUnits {
  readonly bins: number;
  readonly scale: Pick<InputScale, "protocol" | "focalReference_px">;
}

const RELATIVE = {
  disparity: "disparity",
  depth: "depth",
  relative_depth: "depth",
  log_depth: "log_depth",
} as const;

/**
 * Opens a folder of relative maps; throws InputError where `teacher.json` is missing or broken or
 * declares maps with metres or bins, later where a map is missing or there twice, empty, not [h, w]
 * or holds a number that is not finite.
 */
export async function fileModel(directory: string): Promise<RelativeModel> {
  const about = await readJson(directory, "teacher.json", description);
  if (about.kind in RELATIVE) return modelOf(directory, about);
  throw new InputError(
    `${join(directory, "teacher.json")}: kind ${about.kind} is not a relative map; expected one of ` +
      Object.keys(RELATIVE).join(", "),
  );
}

/**
 * The teacher of a folder of maps; throws as `fileModel` does. Kinds with metres or bins need the
 * `units` of the student.
 */
export async function fileTeacher(directory: string, units?: StudentUnits): Promise<Teacher> {
  const about = await readJson(directory, "teacher.json", description);
  const { kind, embedding, mask } = about;
  const isPlain = kind in RELATIVE && embedding === 0 && !mask && !about.centers;
  const relative = kind in RELATIVE ? relativeTeacher(modelOf(directory, about)) : null;
  if (isPlain && relative !== null) return relative;
  if (units === undefined) {
    throw new InputError(`${join(directory, "teacher.json")}: kind ${kind} needs a student's bins`);
  }
  if (about.bins !== undefined && about.bins !== units.bins) {
    throw new InputError(
      `${join(directory, "teacher.json")}: has ${about.bins} bins, but the student has ${units.bins}; set ` +
        `head.bins to ${about.bins}`,
    );
  }
  const parts: TeacherParts = {
    ...INDEX_ONLY,
    index: kind in RELATIVE || kind === "metric_depth",
    binomial: kind === "binomial" || kind === "logits",
    depth_m: kind === "metric_depth",
    centers: about.centers,
    embedding,
    mask,
  };
  const own = async (sample: RigSample, size: ImageSize): Promise<TeacherMaps> => {
    if (relative !== null) return await relative.maps(sample, size);
    return kind === "metric_depth"
      ? await metricMaps(directory, sample, size, units.scale)
      : await binMaps(directory, sample, size, { kind: kind as "binomial" | "logits", ...units });
  };
  return {
    name: about.name,
    parts,
    identity: async (sample) => await identityOf(directory, about, sample, units),
    maps: async (sample, size) => ({
      ...(await own(sample, size)),
      ...(await partMaps(directory, sample, size, { ...about, ...units })),
    }),
  };
}

function modelOf(directory: string, about: FileDescription): RelativeModel {
  const { name } = about;
  return {
    name,
    kind: RELATIVE[about.kind as keyof typeof RELATIVE],
    identity: async (sample) => await identityOf(directory, about, sample),
    maps: async (sample, size) => {
      const [, height, width] = sampleShape(sample);
      const plane = size.height * size.width;
      const result = new Float32Array(sample.cameras.length * plane);
      for (const [view, camera] of sample.cameras.entries()) {
        const place = { sample: sample.id, camera: camera.name, suffix: "", channels: 1 };
        const map = await readMap(directory, place);
        const world = viewOf(sample.usable, view, height * width);
        const usable = nearestFlags(world, { height, width }, map);
        result.set(areaAverage(map.values, map, size, usable), view * plane);
      }
      return result;
    },
  };
}

/** The description and the bytes of every map of a sample. */
async function identityOf(
  directory: string,
  about: FileDescription,
  sample: RigSample,
  units?: StudentUnits,
): Promise<string> {
  const { protocol, focalReference_px } = units?.scale ?? {};
  const student = [units?.bins, protocol?.cap_m, focalReference_px];
  const hash = createHash("sha256").update(JSON.stringify([about, student]));
  const suffixes = ["", ...(about.centers ? [".centers"] : [])];
  if (about.embedding > 0) suffixes.push(".embedding");
  if (about.mask) suffixes.push(".mask");
  for (const { name: camera } of sample.cameras) {
    for (const suffix of suffixes) {
      const place: MapPlace = { sample: sample.id, camera, suffix, channels: 1 };
      hash.update(await mapDigest(directory, place));
    }
  }
  return `files ${hash.digest("hex")}`;
}

/** Each pixel of a map that lies over the middle of a target pixel. map [from] -> [to]. */
export function nearestFlags(map: Uint8Array, from: ImageSize, to: ImageSize): Uint8Array {
  return Uint8Array.from({ length: to.height * to.width }, (_, pixel) => {
    const row = Math.floor(((Math.floor(pixel / to.width) + 0.5) * from.height) / to.height);
    const column = Math.floor((((pixel % to.width) + 0.5) * from.width) / to.width);
    return map[row * from.width + column];
  });
}
