// Picks the teacher that a configuration names.
import { InputError } from "../tensor/error.ts";
import { alignedTeacher } from "./aligned_teacher.ts";
import { builtinModel } from "./builtin_teacher.ts";
import { fileModel, fileTeacher } from "./file_teacher.ts";
import type { MetricScale } from "./metric_maps.ts";
import { oracleTeacher } from "./oracle_teacher.ts";
import { relativeTeacher, type RelativeModel } from "./relative_model.ts";
import type { Teacher } from "./teacher.ts";

/** A model whose maps have no metres. */
type ModelKind = "auto" | "builtin" | "files";

/** The teacher's part of the configuration. */
export interface TeacherChoice {
  readonly kind: ModelKind | "aligned" | "oracle" | "none";
  readonly path: string | null;
  /** The model under an aligned teacher (default auto, which is also that of `aligned`). */
  readonly base?: ModelKind | "aligned";
}

/** The needs of a teacher that knows metres. */
export interface MetricContext {
  readonly scale: MetricScale;
  /** K of the student, for files that have bins of their own. */
  readonly bins?: number;
  /** Told once of views that the teacher cannot use. */
  readonly onMessage?: ((message: string) => void) | undefined;
}

/**
 * The teacher of a run on `data`, or null without one. `auto` is the files at `path` if it is
 * given, the built-in teacher for the built-in rig, else none. Kinds aligned and oracle, and files
 * with metres or bins, need `metric`. Throws InputError where the choice does not fit.
 */
export async function openTeacher(
  choice: TeacherChoice,
  data: string,
  seed: number,
  metric?: MetricContext,
): Promise<Teacher | null> {
  const { kind, path, base = "auto" } = choice;
  if (kind === "none") return null;
  if (path !== null && (kind === "files" || kind === "auto")) {
    const { bins, scale } = metric ?? {};
    const units = bins === undefined || scale === undefined ? undefined : { bins, scale };
    return await fileTeacher(path, units);
  }
  if (kind !== "aligned" && kind !== "oracle") {
    const model = await openModel(kind, path, data, seed);
    return model && relativeTeacher(model);
  }
  if (metric === undefined)
    throw new InputError(`teacher.kind ${kind} needs the scale of the data`);
  if (kind === "oracle") {
    if (data !== "rig") {
      throw new InputError(
        `teacher.kind oracle needs data rig, which has dense truth, not ${data}`,
      );
    }
    return oracleTeacher(metric.scale);
  }
  const model = await openModel(base === "aligned" ? "auto" : base, path, data, seed);
  if (model !== null) return alignedTeacher(model, metric.scale, metric.onMessage);
  throw new InputError(
    `teacher.kind aligned on ${data} needs a base: give teacher.path, a folder of relative maps`,
  );
}

async function openModel(
  kind: ModelKind,
  path: string | null,
  data: string,
  seed: number,
): Promise<RelativeModel | null> {
  if (kind === "files" || (kind === "auto" && path !== null)) {
    if (path === null)
      throw new InputError("teacher.kind is files: give teacher.path, the folder of its maps");
    return await fileModel(path);
  }
  if (kind === "builtin" || data === "rig") {
    if (data !== "rig") throw new InputError(`teacher.kind builtin needs data rig, not ${data}`);
    return builtinModel(seed);
  }
  return null;
}
