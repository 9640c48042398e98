// The data and the maps of `ringdepth eval` without a student: a folder of predictions, or a teacher.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DataSource, Split } from "../../data/data_source.ts";
import { rangeOf, type EvaluationParts } from "../../evaluate/parts.ts";
import { predictionFolder } from "../../evaluate/prediction_folder.ts";
import type { Gpu } from "../../gpu/device.ts";
import { InputError } from "../../tensor/error.ts";
import { resolveConfig, type TrainConfig } from "../../train/config.ts";
import type { EvaluatedMaps } from "../../train/evaluation.ts";
import { folderMaps, teacherMaps } from "../../train/map_sources.ts";
import { openRunTeacher, openSource, withAbsolutePlaces } from "../../train/source.ts";
import { givenKeys } from "../settings/run_settings.ts";
import type { StudentOptions } from "./student_source.ts";
import { tableProgress } from "../terminal/table_progress.ts";
import type { Output } from "../terminal/surroundings.ts";

/** Options of `eval` that name something other than a student. */
export interface MapOptions extends Omit<StudentOptions, "checkpoint"> {
  readonly predictions?: string;
  readonly flipped?: string;
  readonly pngScale?: number;
  readonly teacher?: string;
  readonly config?: string;
}

/** Opened data and the settings that its maps depend on. */
export interface MapData {
  readonly config: TrainConfig;
  readonly source: DataSource;
  /** Metres of a pixel that has no depth. */
  readonly none_m: number;
}

/** Opens the data of an evaluation without a student; throws InputError for a fault in it. */
export async function openMapData(
  options: MapOptions,
  split: Split,
  parts: EvaluationParts,
  output: Output,
): Promise<MapData> {
  const { data, config: file, size, skipBadSamples } = options;
  if (data === undefined && file === undefined) {
    throw new InputError("eval: give --data, the moments that the maps belong to");
  }
  const given = await givenKeys({
    ...(data !== undefined && { data }),
    ...(file !== undefined && { config: file }),
    ...(size !== undefined && { size }),
    skipBadSamples: skipBadSamples === true,
  });
  const teacher = options.teacher === undefined ? null : teacherKeys(options.teacher);
  const isFolder = teacher === null || "folder" in teacher;
  const keys = isFolder
    ? given
    : { ...given, teacher: { ...(given["teacher"] as object), ...teacher } };
  const resolved = withAbsolutePlaces(resolveConfig(keys, "command line"), [process.cwd()]);
  // Nothing is trained here: every moment has its truth.
  const config = { ...resolved, lidar: { ...resolved.lidar, share: 1 } };
  const source = await openSource(config, split, { onProgress: tableProgress(output) });
  return { config, source, none_m: rangeOf(parts, source.protocol).cap_m };
}

/** The maps of `--predictions`, or of a `--teacher` that is a folder of depth maps. */
export async function openFolderMaps(
  options: MapOptions,
  { source, none_m }: MapData,
): Promise<{ readonly name: string; readonly maps: EvaluatedMaps }> {
  const { predictions, flipped, pngScale, size, teacher } = options;
  const choices = { none_m, ...(pngScale !== undefined && { png_scale: pngScale }) };
  const folder = await predictionFolder(predictions ?? teacher!, choices);
  const other = flipped === undefined ? null : await predictionFolder(flipped, choices);
  return { name: folder.name, maps: await folderMaps(folder, source, size, other) };
}

/** The maps of a `--teacher` that computes them; `close` frees it. */
export async function openTeacherMaps(
  gpu: Gpu,
  { config, source, none_m }: MapData,
  onMessage: (message: string) => void,
): Promise<{ readonly name: string; readonly maps: EvaluatedMaps; readonly close: () => void }> {
  const teacher = await openRunTeacher(config, { gpu: () => gpu, source, onMessage });
  if (teacher === null) {
    throw new InputError("--teacher none: there are no maps to evaluate");
  }
  const { name } = teacher;
  return { name, maps: teacherMaps(teacher, config, none_m), close: () => teacher.close?.() };
}

/** Whether `--teacher` names a folder of depth maps, which are evaluated at their own size. */
export function isFolderTeacher({ teacher }: MapOptions): boolean {
  return teacher !== undefined && "folder" in teacherKeys(teacher);
}

const KINDS = ["builtin", "oracle", "aligned"];

/** The keys of the configuration that `--teacher` stands for, or the folder that it names. */
function teacherKeys(text: string): Record<string, unknown> {
  if (KINDS.includes(text)) return { kind: text };
  if (text === "config") return {};
  if (text.startsWith("aligned:")) return { kind: "aligned", path: text.slice("aligned:".length) };
  if (!existsSync(text)) {
    throw new InputError(
      `--teacher ${text}: no such file or folder; expected ${KINDS.join(", ")}, aligned:DIR, config, ` +
        `a folder of maps or a teacher.safetensors`,
    );
  }
  const isFile = statSync(text).isFile();
  if (isFile || existsSync(join(text, "teacher.safetensors")))
    return { kind: "fitted", module: text };
  return { folder: text };
}
