// Picks the teacher that a configuration names.
import { InputError } from "../tensor/error.ts";
import { builtinTeacher } from "./builtin_teacher.ts";
import { fileTeacher } from "./file_teacher.ts";
import type { Teacher } from "./teacher.ts";

/** The teacher's part of the configuration. */
export interface TeacherChoice {
  readonly kind: "auto" | "builtin" | "files" | "none";
  readonly path: string | null;
}

/**
 * The teacher of a run on `data`, or null without one. `auto` means the files at `path` if given,
 * else the built-in teacher for the built-in rig, else none. Throws InputError if the choice does
 * not fit the data.
 */
export async function openTeacher(
  choice: TeacherChoice,
  data: string,
  seed: number,
): Promise<Teacher | null> {
  const { kind, path } = choice;
  if (kind === "files" || (kind === "auto" && path !== null)) {
    if (path === null)
      throw new InputError("teacher.kind is files: give teacher.path, the folder of its maps");
    return await fileTeacher(path);
  }
  if (kind === "builtin" || (kind === "auto" && data === "rig")) {
    if (data !== "rig") throw new InputError(`teacher.kind builtin needs data rig, not ${data}`);
    return builtinTeacher(seed);
  }
  return null;
}
