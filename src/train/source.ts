// The data that a configuration names, and the places of files that a configuration holds.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { DataSource, Split } from "../data/data_source.ts";
import { withLidarShare } from "../data/lidar_share.ts";
import { openData, type OpenOptions } from "../data/open_data.ts";
import { withPlaces } from "../data/source_spec.ts";
import { wantedParts } from "../distill/wanted_parts.ts";
import type { Gpu } from "../gpu/device.ts";
import { cachedTeacher, type TeacherCache } from "../teacher/cached_teacher.ts";
import {
  openTeacher,
  type FoundationContext,
  type MetricContext,
  type TeacherChoice,
} from "../teacher/open_teacher.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "./config.ts";
import { readStudent } from "./student_file.ts";
import { seenBy } from "./student_origin.ts";
import { nativeImages } from "./teacher/native_images.ts";

/** How to open the data of a configuration. */
export interface SourceOptions extends Pick<OpenOptions, "limit_bytes" | "onProgress"> {
  /** Whether the configuration is that of an earlier run or student (default: no). */
  readonly earlier?: boolean;
}

/**
 * Opens one split of the configuration's data, with LiDAR on `lidar.share` of the training moments.
 * Throws InputError for data that is missing or broken. If the configuration is an `earlier` one, of
 * a run or a student, the error says what to do if the data moved since.
 */
export async function openSource(
  config: TrainConfig,
  split: Split,
  { earlier = false, limit_bytes, onProgress }: SourceOptions = {},
): Promise<DataSource> {
  const { train_moments, held_out_moments, beams: ofTraining, body } = config.rig;
  // A student of a sparser LiDAR is evaluated on the same true depth as the others.
  const beams = split === "train" ? ofTraining : undefined;
  const moments = { train: train_moments, "held-out": held_out_moments };
  const { data, seed, bad_samples: badSamples } = config;
  try {
    const source = await openData(data, {
      split,
      seed,
      moments,
      beams,
      body,
      badSamples,
      limit_bytes,
      onProgress,
    });
    const { share } = config.lidar;
    return split === "train" ? await withLidarShare(source, { share, seed }) : source;
  } catch (error) {
    if (!earlier || !(error instanceof InputError)) throw error;
    throw new InputError(`${error.message}; if the data moved, give its new place with --data`);
  }
}

/**
 * As `openSource`, for a run that trains: with the range and the focal reference of the student that it
 * begins with, if there is one, whose metres depend on them.
 */
export async function openTrainingSource(
  config: TrainConfig,
  split: Split,
  options: SourceOptions = {},
): Promise<DataSource> {
  const source = await openSource(config, split, options);
  if (config.student_from === null) return source;
  const { origin } = await readStudent(config.student_from, () => {});
  return seenBy(origin, source);
}

/** The needs of a teacher from the run that it teaches. */
export interface TeacherContext {
  /** The device in use; a run may replace it. */
  readonly gpu: () => Gpu;
  readonly source: DataSource;
  /** Told about a damaged entry of the cache, and about views that a teacher cannot use. */
  readonly onMessage?: (message: string) => void;
  /** Told of each entry of the cache whether a file had it. */
  readonly onEntry?: TeacherCache["onEntry"];
  /**
   * The module of a fitted teacher where `teacher.module` is null: a function that fits it on a base
   * and returns its path; "untrained" for a step that is only measured or checked; "base" for the
   * frozen model alone. Without it such a teacher is an error.
   */
  readonly module?: "untrained" | "base" | ((base: Teacher) => Promise<string>);
}

/**
 * Opens the teacher of a configuration, null without one; throws as `openSource` does. With
 * `teacher.cache` its maps are kept in that folder; those of a fitted teacher and of a foundation
 * model at least in memory.
 */
export async function openRunTeacher(
  config: TrainConfig,
  context: TeacherContext,
  earlier = false,
): Promise<Teacher | null> {
  const { onMessage, onEntry } = context;
  const { cache: folder } = config.teacher;
  const teacher = await openPlain(config, context, earlier);
  const isSlow = teacher?.module !== undefined || usesFoundation(config);
  const isKept = folder !== null || (isSlow && teacher?.identity !== undefined);
  return teacher === null || !isKept
    ? teacher
    : cachedTeacher(teacher, { folder, onMessage, onEntry });
}

async function openPlain(
  config: TrainConfig,
  context: TeacherContext,
  earlier: boolean,
): Promise<Teacher | null> {
  const kind = await chosenKind(config, context, earlier);
  if (kind === "fitted") return await openFitted(config, context, earlier);
  return await opened({ kind, base: config.teacher.base }, config, earlier, context);
}

/** The kind of teacher that a configuration means; `auto` depends on its data. */
async function chosenKind(
  config: TrainConfig,
  context: TeacherContext,
  earlier: boolean,
): Promise<Exclude<TrainConfig["teacher"]["kind"], "auto">> {
  const { data, teacher } = config;
  const { kind, path, weights, module } = teacher;
  if (kind !== "auto") return kind;
  if (module !== null) return "fitted";
  if (path === null && weights === null) return data === "rig" ? "fitted" : "none";
  const given = path === null ? "foundation" : "files";
  const found = await opened({ kind: given }, config, earlier, context);
  found?.close?.();
  const isRelative = found !== null && found.parts.index && !found.parts.depth_m;
  return isRelative ? "fitted" : given;
}

async function openFitted(
  config: TrainConfig,
  context: TeacherContext,
  earlier: boolean,
): Promise<Teacher> {
  const { data, head, teacher } = config;
  const base = await openBaseTeacher(config, context, earlier);
  if (teacher.module === null && context.module === "base") return base;
  const wanted = wantedParts(config.loss);
  const options = { ...context, base, bins: head.bins, wanted };
  // Loading threads have no use for the network behind it, which takes long to import.
  const { fittedTeacher, untrainedTeacher } = await import("./teacher/fitted_teacher.ts");
  if (teacher.module !== null) return await fittedTeacher(teacher.module, options);
  if (context.module === "untrained") return untrainedTeacher(config, context.source, options);
  if (typeof context.module === "function") {
    return await fittedTeacher(await context.module(base), options);
  }
  throw new InputError(
    `the teacher is fitted: give teacher.module, the file that this writes: ` +
      `ringdepth teacher fit --data ${data} --out runs/teacher`,
  );
}

/** Opens the frozen model under a fitted teacher; throws InputError where there is none. */
export async function openBaseTeacher(
  config: TrainConfig,
  context: TeacherContext,
  earlier = false,
): Promise<Teacher> {
  const { data, teacher } = config;
  const found = await opened({ kind: teacher.base, base: "auto" }, config, earlier, context);
  // A network runs once per moment, not once per step.
  if (found !== null && usesFoundation(config) && found.identity !== undefined) {
    return cachedTeacher(found, { folder: teacher.cache, onMessage: context.onMessage });
  }
  if (found !== null) return found;
  throw new InputError(
    `a fitted teacher on ${data} needs a base: set teacher.path to a folder of relative maps; ` +
      `"ringdepth teacher list --data ${data}" lists their names; or set teacher.weights to a foundation model`,
  );
}

async function opened(
  own: Pick<TeacherChoice, "kind" | "base">,
  config: TrainConfig,
  earlier: boolean,
  context: TeacherContext,
): Promise<Teacher | null> {
  const { teacher, data, seed, head } = config;
  const { source: scale, onMessage } = context;
  const metric: MetricContext = {
    scale,
    bins: head.bins,
    onMessage,
    device: foundationContext(config, context.gpu),
  };
  try {
    return await openTeacher({ ...teacherPlaces(config), ...own }, data, seed, metric);
  } catch (error) {
    if (!earlier || teacher.path === null || !(error instanceof InputError)) throw error;
    throw new InputError(
      `${error.message}; if the maps moved, give their new place as teacher.path of a --config`,
    );
  }
}

/** Where a configuration has maps and weights. */
export function teacherPlaces({
  teacher,
}: Pick<TrainConfig, "teacher">): Pick<TeacherChoice, "path" | "foundation"> {
  const { path, weights, preparation, side } = teacher;
  return { path, foundation: weights === null ? null : { weights, preparation, side_px: side } };
}

/** The device of a foundation model and the images of both splits at their own size. */
export function foundationContext(config: TrainConfig, gpu: () => Gpu): FoundationContext {
  const open = async (split: Split): Promise<DataSource> =>
    await openSource(config, split, { limit_bytes: 0 });
  return { gpu, images: nativeImages(async () => [await open("train"), await open("held-out")]) };
}

/** Whether a network runs for each map of the teacher or of its base. */
export function usesFoundation({ teacher: { kind, base, path, weights } }: TrainConfig): boolean {
  const is = (one: string): boolean =>
    one === "foundation" || (one === "auto" && path === null && weights !== null);
  return is(kind) || ((kind === "fitted" || kind === "aligned") && is(base));
}

/**
 * The configuration with the paths of data and teacher made absolute, so that a run does not depend
 * on the folder in which a command is typed: of `bases` the first where the path exists, else the
 * first.
 */
export function withAbsolutePlaces(config: TrainConfig, bases: readonly string[]): TrainConfig {
  const place = (path: string): string => {
    const places = bases.map((base) => resolve(base, path));
    return places.find((one) => existsSync(one)) ?? places[0];
  };
  const { teacher, student_weights, student_from } = config;
  return {
    ...config,
    student_weights: student_weights === null ? null : place(student_weights),
    student_from: student_from === null ? null : place(student_from),
    data: withPlaces(config.data, place),
    teacher: {
      ...teacher,
      path: teacher.path === null ? null : place(teacher.path),
      weights: teacher.weights === null ? null : place(teacher.weights),
      module: teacher.module === null ? null : place(teacher.module),
      cache: teacher.cache === null ? null : place(teacher.cache),
    },
  };
}
