// The bytes of student.safetensors: a trained student with its configuration and its origin, all that
// `eval` and `predict` need; and of teacher.safetensors, the same of a fitted teacher's module. They
// are sealed: a file in which one bit changed is refused.
import { openSealed, sealSafetensors, type SealedFile } from "../../formats/sealed_file.ts";
import type { CpuStore } from "../../graph/cpu_store.ts";
import { isOfScaling } from "../../graph/ops/loss_scale.ts";
import { InputError } from "../../tensor/error.ts";
import { printable } from "../../tensor/printable.ts";
import { resolveConfig, type TrainConfig } from "../config.ts";
import { formatConfig, parseConfigFile } from "../config/text.ts";
import { earlierOrigin, formatOrigin, parseOrigin, type StudentOrigin } from "../student_origin.ts";
import { countIn, depthIn, loadNetwork, namedTensors } from "./tensors.ts";

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
 * The file of a student: parameters (OHWI, as in the arena) and running statistics; the same bytes
 * for the same numbers. `about` is further metadata.
 */
export function studentBytes(
  store: CpuStore,
  { config, depth_max_m, steps, origin }: TrainedStudent,
  about: Readonly<Record<string, string>> = {},
  kind: TrainedKind = "student",
): Uint8Array {
  const metadata = {
    format: FORMATS[kind],
    config: formatConfig(config),
    depth_max_m: String(depth_max_m),
    steps: String(steps),
    ...formatOrigin(origin),
    ...about,
  };
  return sealSafetensors(namedTensors(store, isOfScaling), metadata);
}

/**
 * The student or the checkpoint in the bytes of `file`; `warn` receives a line about a file of an
 * earlier version. Throws InputError naming file and field if it is damaged or something else.
 */
export function parseStudent(
  bytes: Uint8Array,
  file: string,
  warn: (message: string) => void,
): StudentFile {
  const opened = openSealed(bytes, file);
  if (opened.metadata["format"] === FORMATS.teacher) {
    throw new InputError(
      `${file}: is the module of a fitted teacher, not a student; give it as teacher.module`,
    );
  }
  return trainedIn(opened, file, warn);
}

/** The module of a fitted teacher in the bytes of `file`, and its metadata; throws InputError. */
export function parseModule(
  bytes: Uint8Array,
  file: string,
): StudentFile & { readonly metadata: Readonly<Record<string, string>> } {
  const opened = openSealed(bytes, file);
  const { metadata } = opened;
  if (metadata["format"] !== FORMATS.teacher || !opened.sealed) {
    throw new InputError(
      `${file}: is not the module of a fitted teacher; fit one with: ringdepth teacher fit`,
    );
  }
  return { ...trainedIn(opened, file, () => {}), metadata };
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
  return {
    config,
    depth_max_m,
    steps,
    origin,
    load: (store) => loadNetwork(tensors, file, store),
  };
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
