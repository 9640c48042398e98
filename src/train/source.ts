// The data that a configuration names, and the places of files that a configuration holds.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { DataSource, Split } from "../data/data_source.ts";
import { withLidarShare } from "../data/lidar_share.ts";
import { openData } from "../data/open_data.ts";
import type { Gpu } from "../gpu/device.ts";
import { cachedTeacher, type TeacherCache } from "../teacher/cached_teacher.ts";
import { openTeacher, type MetricContext, type TeacherChoice } from "../teacher/open_teacher.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "./config.ts";
import { readStudent } from "./student_file.ts";
import { seenBy } from "./student_origin.ts";

/**
 * Opens one split of the configuration's data, with LiDAR on `lidar.share` of the training moments.
 * Throws InputError for data that is missing or broken. If the configuration is an `earlier` one, of
 * a run or a student, the error says what to do if the data moved since.
 */
export async function openSource(
  config: TrainConfig,
  split: Split,
  earlier = false,
): Promise<DataSource> {
  const { train_moments, held_out_moments, beams: ofTraining, body } = config.rig;
  // A student of a sparser LiDAR is evaluated on the same true depth as the others.
  const beams = split === "train" ? ofTraining : undefined;
  const moments = { train: train_moments, "held-out": held_out_moments };
  const { data, seed, bad_samples: badSamples } = config;
  try {
    const source = await openData(data, { split, seed, moments, beams, body, badSamples });
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
  earlier = false,
): Promise<DataSource> {
  const source = await openSource(config, split, earlier);
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
   * and returns its path, or "untrained" for a step that is only measured or checked. Without it
   * such a teacher is an error.
   */
  readonly module?: "untrained" | ((base: Teacher) => Promise<string>);
}

/**
 * Opens the teacher of a configuration, null without one; throws as `openSource` does. With
 * `teacher.cache` its maps are kept in that folder; those of a fitted teacher at least in memory.
 */
export async function openRunTeacher(
  config: TrainConfig,
  context: TeacherContext,
  earlier = false,
): Promise<Teacher | null> {
  const { onMessage, onEntry } = context;
  const { cache: folder } = config.teacher;
  const teacher = await openPlain(config, context, earlier);
  const isFitted = teacher?.module !== undefined && teacher.identity !== undefined;
  const isKept = folder !== null || isFitted;
  return teacher === null || !isKept
    ? teacher
    : cachedTeacher(teacher, { folder, onMessage, onEntry });
}

async function openPlain(
  config: TrainConfig,
  context: TeacherContext,
  earlier: boolean,
): Promise<Teacher | null> {
  const { teacher } = config;
  const { source: scale, onMessage } = context;
  const kind = await chosenKind(config, scale, earlier);
  if (kind === "fitted") return await openFitted(config, context, earlier);
  return await opened({ ...teacher, kind }, config, earlier, { scale, onMessage });
}

/** The kind of teacher that a configuration means; `auto` depends on its data. */
async function chosenKind(
  config: TrainConfig,
  scale: TeacherContext["source"],
  earlier: boolean,
): Promise<Exclude<TrainConfig["teacher"]["kind"], "auto">> {
  const { data, teacher } = config;
  const { kind, path, module } = teacher;
  if (kind !== "auto") return kind;
  if (module !== null) return "fitted";
  if (path === null) return data === "rig" ? "fitted" : "none";
  const files = await opened({ kind: "files", path }, config, earlier, { scale });
  const isRelative = files !== null && files.parts.index && !files.parts.depth_m;
  return isRelative ? "fitted" : "files";
}

async function openFitted(
  config: TrainConfig,
  context: TeacherContext,
  earlier: boolean,
): Promise<Teacher> {
  const { data, head, teacher } = config;
  const base = await openBaseTeacher(config, context.source, earlier);
  const options = { ...context, base, bins: head.bins };
  // Loading threads have no use for the network behind it, which takes long to import.
  const { fittedTeacher, untrainedTeacher } = await import("./teacher/fitted_teacher.ts");
  if (teacher.module !== null) return await fittedTeacher(teacher.module, options);
  if (context.module === "untrained") return untrainedTeacher(config, context.source, options);
  if (context.module !== undefined) return await fittedTeacher(await context.module(base), options);
  throw new InputError(
    `the teacher is fitted: give teacher.module, the file that this writes: ` +
      `ringdepth teacher fit --data ${data} --out runs/teacher`,
  );
}

/** Opens the frozen model under a fitted teacher; throws InputError where there is none. */
export async function openBaseTeacher(
  config: TrainConfig,
  scale: TeacherContext["source"],
  earlier = false,
): Promise<Teacher> {
  const { data, teacher } = config;
  const { base: kind, path } = teacher;
  const choice = { kind, path, base: "auto" } as const;
  const found = await opened(choice, config, earlier, { scale });
  if (found !== null) return found;
  throw new InputError(
    `a fitted teacher on ${data} needs a base: set teacher.path to a folder of relative maps; ` +
      `"ringdepth teacher list --data ${data}" lists their names`,
  );
}

async function opened(
  teacher: TeacherChoice,
  { data, seed, head }: TrainConfig,
  earlier: boolean,
  metric: MetricContext,
): Promise<Teacher | null> {
  try {
    return await openTeacher(teacher, data, seed, { ...metric, bins: head.bins });
  } catch (error) {
    if (!earlier || teacher.path === null || !(error instanceof InputError)) throw error;
    throw new InputError(
      `${error.message}; if the maps moved, give their new place as teacher.path of a --config`,
    );
  }
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
  const colon = config.data.indexOf(":");
  const [kind, path] = [config.data.slice(0, colon), config.data.slice(colon + 1)];
  const { teacher, student_weights, student_from } = config;
  return {
    ...config,
    student_weights: student_weights === null ? null : place(student_weights),
    student_from: student_from === null ? null : place(student_from),
    data: colon < 1 || path === "" ? config.data : `${kind}:${place(path)}`,
    teacher: {
      ...teacher,
      path: teacher.path === null ? null : place(teacher.path),
      module: teacher.module === null ? null : place(teacher.module),
      cache: teacher.cache === null ? null : place(teacher.cache),
    },
  };
}
