// The origin of a student: everything of its training data that its metres and its evaluation
// depend on. It is stored in student files and checkpoints, so that no data source opened later
// changes the student's results.
import * as z from "zod";
import { NORMALIZATION, type InputScale } from "../data/batch.ts";
import type { Camera } from "../data/camera.ts";
import type { DataSource } from "../data/data_source.ts";
import { parseJson } from "../formats/json.ts";
import { InputError } from "../tensor/error.ts";
import {
  formatMoments,
  parseMoments,
  recordMoments,
  type TrainingMoment,
} from "./training_moments.ts";

/** The facts that a student keeps about its training data. */
export interface StudentOrigin {
  readonly scale: Required<InputScale>;
  /** The cameras of training in ring order at native size; null in files of earlier versions. */
  readonly cameras: readonly Camera[] | null;
  /** The moments of the training split, in its order; null in files of earlier versions. */
  readonly moments: readonly TrainingMoment[] | null;
}

const positive = z.number().positive();
const range = z
  .strictObject({ name: z.string(), min_m: positive, cap_m: positive })
  .refine(({ min_m, cap_m }) => min_m < cap_m, "min_m must be below cap_m");
const camera = z.strictObject({
  name: z.string(),
  width: positive,
  height: positive,
  fx: positive,
  fy: positive,
  cx: z.number(),
  cy: z.number(),
  rotation: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  translation_m: z.tuple([z.number(), z.number(), z.number()]),
});
const originSchema = z.strictObject({
  focal_reference_px: positive,
  protocol: range,
  normalization: z.strictObject({ mean: z.number(), deviation: positive }),
  cameras: z.array(camera).min(1),
});

/** The origin of a student that begins to train on `source`; reads a part of every image file. */
export async function originOf(source: DataSource): Promise<StudentOrigin> {
  const { protocol, focalReference_px, cameras } = source;
  return {
    scale: { protocol, focalReference_px, normalization: NORMALIZATION },
    cameras,
    moments: await recordMoments(source),
  };
}

/** The moments of `source` as a student sees them: with its own scale, not the source's. */
export function seenBy<S extends DataSource>({ scale }: StudentOrigin, source: S): S & InputScale {
  return { ...source, ...scale };
}

/** An origin as metadata of a safetensors file. */
export function formatOrigin({ scale, cameras, moments }: StudentOrigin): Record<string, string> {
  if (cameras === null || moments === null) return {};
  const { protocol, focalReference_px, normalization } = scale;
  const { name, min_m, cap_m } = protocol;
  const origin: z.infer<typeof originSchema> = {
    focal_reference_px: focalReference_px,
    protocol: { name, min_m, cap_m },
    normalization: { mean: normalization.mean, deviation: normalization.deviation },
    cameras: cameras.map(plainCamera),
  };
  return { origin: JSON.stringify(origin), training_moments: formatMoments(moments) };
}

/**
 * The origin in the metadata of `file`, null where an earlier version wrote it. Throws InputError
 * naming what is broken or missing.
 */
export function parseOrigin(
  metadata: Readonly<Record<string, string>>,
  file: string,
): StudentOrigin | null {
  const { origin: text, training_moments: moments } = metadata;
  if (text === undefined && moments === undefined) return null;
  for (const [key, value] of Object.entries({ origin: text, training_moments: moments })) {
    if (value === undefined) throw new InputError(`${file}: its metadata lacks ${key}`);
  }
  const result = originSchema.safeParse(parseJson(text, `${file}: metadata origin`));
  if (!result.success) {
    const { path, message } = result.error.issues[0];
    throw new InputError(`${file}: metadata ${["origin", ...path].join(".")}: ${message}`);
  }
  const { focal_reference_px, protocol, normalization, cameras } = result.data;
  return {
    scale: { protocol, focalReference_px: focal_reference_px, normalization },
    cameras,
    moments: parseMoments(moments, file),
  };
}

// Earlier versions took the reference from the data source: these, by the kind of data.
const EARLIER_REFERENCES_PX: Readonly<Record<string, number>> = { ddad: 715.0873 };
const EARLIER_DEFAULT_PX = 500;

/**
 * The training facts of an earlier version, from the `data` of its configuration and its largest
 * depth.
 */
export function earlierOrigin(data: string, depth_max_m: number): StudentOrigin {
  const name = data.split(":")[0];
  return {
    scale: {
      protocol: { name, min_m: Math.min(0.1, depth_max_m / 2), cap_m: depth_max_m },
      focalReference_px: EARLIER_REFERENCES_PX[name] ?? EARLIER_DEFAULT_PX,
      normalization: NORMALIZATION,
    },
    cameras: null,
    moments: null,
  };
}

/**
 * Throws InputError if `found`, the data that a resumed run was given, differs from the training
 * data in `stored`: other cameras, other moments or another order of them.
 */
export function requireSameData(stored: StudentOrigin, found: StudentOrigin, name: string): void {
  const refuse = (difference: string): never => {
    throw new InputError(
      `${name}: ${difference}, so it is not the data of this run; give its place with --data, or ` +
        `start a new run with another --out`,
    );
  };
  const text = (list: StudentOrigin["cameras"]): string[] =>
    (list ?? []).map((one) => JSON.stringify(plainCamera(one)));
  const names = (list: StudentOrigin["cameras"]): string =>
    (list ?? []).map((one) => one.name).join(", ");
  if (stored.cameras !== null) {
    const [had, has] = [names(stored.cameras), names(found.cameras)];
    if (had !== has) refuse(`its cameras are ${has}, the run was trained on ${had}`);
    const own = text(found.cameras);
    const other = text(stored.cameras).findIndex((one, i) => one !== own[i]);
    if (other >= 0) refuse(`camera ${stored.cameras[other].name} has another calibration`);
  }
  if (stored.moments !== null && found.moments !== null) {
    const [had, has] = [stored.moments, found.moments];
    if (had.length !== has.length) {
      refuse(`it has ${has.length} moments, the run was trained on ${had.length}`);
    }
    const id = had.findIndex((moment, i) => moment.id !== has[i].id);
    if (id >= 0) refuse(`its moment ${id + 1} of ${had.length} has another id than in training`);
    const content = had.findIndex((moment, i) => moment.content !== has[i].content);
    if (content >= 0) {
      refuse(`the images of its moment ${content + 1} of ${had.length} are not those of training`);
    }
  }
}

/** The fields of a camera in a fixed order, without any additions of its source. */
function plainCamera(full: Camera): z.infer<typeof camera> {
  const { name, width, height, fx, fy, cx, cy } = full;
  const [w, x, y, z_] = full.rotation;
  const [tx, ty, tz] = full.translation_m;
  const pose = {
    rotation: [w, x, y, z_] as [number, number, number, number],
    translation_m: [tx, ty, tz] as [number, number, number],
  };
  return { name, width, height, fx, fy, cx, cy, ...pose };
}
