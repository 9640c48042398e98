// student.safetensors: a trained student with its configuration and its origin, all that `eval` and
// `predict` need; and teacher.safetensors, the same of a fitted teacher's module. They are sealed: a file in which one bit changed is refused.
import { stat } from "node:fs/promises";
import { readBytes, writeFileAtomically } from "../formats/atomic_file.ts";
import { openSealed, sealSafetensors, type SealedFile } from "../formats/sealed_file.ts";
import type { CpuStore } from "../graph/cpu_store.ts";
import { InputError } from "../tensor/error.ts";
import { printable } from "../tensor/printable.ts";
import { isOfScaling } from "../graph/ops/loss_scale.ts";
import { checkpointsIn, countIn, depthIn, namedTensors, tensorReader } from "./checkpoint.ts";
import { formatConfig, parseConfigFile, resolveConfig, type TrainConfig } from "./config.ts";
import { runPaths } from "./run_folder.ts";
import { earlierOrigin, formatOrigin, parseOrigin, type StudentOrigin } from "./student_origin.ts";

/** A trained student apart from its tensors. */
export interface TrainedStudent {
  readonly config: TrainConfig;
  /** Depth in metres of a bin centre of 1. */
  readonly depth_max_m: number;
  readonly steps: number;
  readonly origin: StudentOrigin;
}

/** A trained student as read; `load` fills a store of its network. */
export interface StudentFile extends TrainedStudent {
  readonly load: (store: CpuStore) => void;
}

/** The format that a file of a trained network declares. */
const FORMATS = { student: "ringdepth student", teacher: "ringdepth teacher" } as const;
/** A trained network: a student, or the module of a fitted teacher. */
export type TrainedKind = keyof typeof FORMATS;
const STUDENT_KEYS = ["format", "config", "depth_max_m", "steps", "origin", "training_moments"];

/**
 * Writes parameters (OHWI, as in the arena) and running statistics; the same bytes for the same
 * numbers. `about` is further metadata.
 */
export async function writeStudent(
  file: string,
  store: CpuStore,
  { config, depth_max_m, steps, origin }: TrainedStudent,
  about: Readonly<Record<string, string>> = {},
  kind: TrainedKind = "student",
): Promise<void> {
  const metadata = {
    format: FORMATS[kind],
    config: formatConfig(config),
    depth_max_m: String(depth_max_m),
    steps: String(steps),
    ...formatOrigin(origin),
    ...about,
  };
  await writeFileAtomically(file, sealSafetensors(namedTensors(store, isOfScaling), metadata));
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
  const opened = openSealed(await readBytes(file), file);
  if (opened.metadata["format"] === FORMATS.teacher) {
    throw new InputError(
      `${file}: is the module of a fitted teacher, not a student; give it as teacher.module`,
    );
  }
  return trainedIn(opened, file, warn);
}

/**
 * Reads the module of a fitted teacher and its metadata; `path` may also be the folder of its run.
 * Throws InputError as `readStudent` does.
 */
export async function readModule(
  path: string,
): Promise<
  StudentFile & { readonly metadata: Readonly<Record<string, string>>; readonly bytes: Uint8Array }
> {
  const info = await stat(path).catch(() => null);
  const file = info?.isDirectory() === true ? runPaths(path).teacher : path;
  const bytes = await readBytes(file);
  const opened = openSealed(bytes, file);
  const { metadata } = opened;
  if (metadata["format"] !== FORMATS.teacher || !opened.sealed) {
    throw new InputError(
      `${file}: is not the module of a fitted teacher; fit one with: ringdepth teacher fit`,
    );
  }
  return { ...trainedIn(opened, file, () => {}), metadata, bytes };
}

/** The trained network of an opened file. */
function trainedIn(opened: SealedFile, file: string, warn: (message: string) => void): StudentFile {
  const { tensors, metadata } = opened;
  const text = metadata["config"];
  if (text === undefined) {
    throw new InputError(
      `${file}: is not a student of ringdepth: its metadata has no configuration`,
    );
  }
  checkKeys(metadata, file);
  const config = resolveConfig(parseConfigFile(text, file), file);
  const depth_max_m = depthIn(metadata, file);
  const steps = countIn(metadata, "steps" in metadata ? "steps" : "step", file);
  const origin = originIn(opened, { config, depth_max_m, file }, warn);
  const take = tensorReader(tensors, file);
  return {
    config,
    depth_max_m,
    steps,
    origin,
    load: (store) => {
      // All of them are checked before the first one is copied.
      const parameters = store.layout.slots.map(({ name, shape, offset }) => {
        return { offset, values: take(name, shape) };
      });
      // the scale of the loss belongs to a run
      const kept = [...store.states].filter(([name]) => !isOfScaling(name));
      const states = kept.map(([name, to]) => {
        return { to, values: take(`state/${name}`, [to.length]) };
      });
      for (const { offset, values } of parameters) store.arenas.parameters.set(values, offset);
      for (const { to, values } of states) to.set(values);
    },
  };
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

/** Throws InputError naming a key that no version of this program writes into a student. */
function checkKeys(metadata: Readonly<Record<string, string>>, file: string): void {
  if (metadata["format"] !== FORMATS.student) return; // A checkpoint has keys of its own.
  const unknown = Object.keys(metadata).find((key) => !STUDENT_KEYS.includes(key));
  if (unknown === undefined) return;
  throw new InputError(
    `${file}: its metadata has an unknown key "${unknown}"; known: ${STUDENT_KEYS.join(", ")}`,
  );
}

function originIn(
  { metadata, sealed }: SealedFile,
  about: { readonly config: TrainConfig; readonly depth_max_m: number; readonly file: string },
  warn: (message: string) => void,
): StudentOrigin {
  const { config, depth_max_m, file } = about;
  const origin = parseOrigin(metadata, file);
  // This version seals every file that it writes with an origin.
  if (origin !== null && !sealed) {
    throw new InputError(`${file}: it is damaged: the checksum that belongs to it is missing`);
  }
  if (origin !== null) return origin;
  const earlier = earlierOrigin(config.data, depth_max_m);
  const { focalReference_px, protocol } = earlier.scale;
  warn(
    printable(
      `${file}: an earlier version wrote it: its metres are assumed to use a focal reference of ` +
        `${focalReference_px} px (that of ${protocol.name} data) and depths up to ${depth_max_m} m; ` +
        `it is not known which moments it was trained on` +
        (sealed ? "" : ", and damage to it cannot be seen"),
    ),
  );
  return earlier;
}
