// student.safetensors and teacher.safetensors on disk (trained/student_bytes.ts).
import { stat } from "node:fs/promises";
import { readBytes, writeFileAtomically } from "../formats/atomic_file.ts";
import type { CpuStore } from "../graph/cpu_store.ts";
import { InputError } from "../tensor/error.ts";
import { checkpointsIn } from "./checkpoint.ts";
import { runPaths } from "./run_folder.ts";
import {
  parseModule,
  parseStudent,
  studentBytes,
  type StudentFile,
  type TrainedKind,
  type TrainedStudent,
} from "./trained/student_bytes.ts";

/** Writes the file of a student, as `studentBytes` describes it. */
export async function writeStudent(
  file: string,
  store: CpuStore,
  student: TrainedStudent,
  about: Readonly<Record<string, string>> = {},
  kind: TrainedKind = "student",
): Promise<void> {
  await writeFileAtomically(file, studentBytes(store, student, about, kind));
}

/**
 * Reads a trained student or a checkpoint; `path` may also be a run folder, whose student it reads.
 * A file of an earlier version is read with that version's assumptions, and `warn` receives a line
 * about it. Throws InputError naming file and field if the file is damaged or something else;
 * `load` does if a tensor is missing, has another shape or is not finite.
 */
export async function readStudent(
  path: string,
  warn: (message: string) => void = console.warn,
): Promise<StudentFile> {
  const file = await studentPath(path);
  return parseStudent(await readBytes(file), file, warn);
}

/**
 * Reads the module of a fitted teacher and its metadata; `path` may also be the folder of its run.
 * Throws InputError as `readStudent` does.
 */
export async function readModule(
  path: string,
): Promise<ReturnType<typeof parseModule> & { readonly bytes: Uint8Array }> {
  const info = await stat(path).catch(() => null);
  const file = info?.isDirectory() === true ? runPaths(path).teacher : path;
  const bytes = await readBytes(file);
  return { ...parseModule(bytes, file), bytes };
}

/** The student in a run folder, any other path as it is. */
async function studentPath(path: string): Promise<string> {
  const info = await stat(path).catch(() => null);
  if (info?.isDirectory() !== true) return path;
  const { student, teacher, checkpoints } = runPaths(path);
  if ((await stat(student).catch(() => null)) !== null) return student;
  if ((await stat(teacher).catch(() => null)) !== null) return teacher;
  const [latest] = await checkpointsIn(checkpoints);
  const other =
    latest === undefined ? "nor a checkpoint" : `but a checkpoint that can be read: ${latest.file}`;
  throw new InputError(`${path}: this folder has no student.safetensors, ${other}`);
}
