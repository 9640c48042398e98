// student.safetensors: a trained student with its configuration, all that `eval` and `predict`
// need.
import { readBytes, writeFileAtomically } from "../formats/atomic_file.ts";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.ts";
import type { CpuStore } from "../graph/cpu.ts";
import { InputError } from "../tensor/error.ts";
import { namedTensors, tensorReader } from "./checkpoint.ts";
import { formatConfig, parseConfigFile, resolveConfig, type TrainConfig } from "./config.ts";

/** A trained student as read; `load` fills a store of its network. */
export interface StudentFile {
  readonly config: TrainConfig;
  /** Metres of a bin centre of 1. */
  readonly depth_max_m: number;
  readonly steps: number;
  readonly load: (store: CpuStore) => void;
}

/**
 * Writes parameters (OHWI, as in the arena) and running statistics; the same bytes for the same
 * numbers.
 */
export async function writeStudent(
  file: string,
  store: CpuStore,
  about: { readonly config: TrainConfig; readonly depth_max_m: number; readonly steps: number },
): Promise<void> {
  const metadata = {
    format: "ringdepth student",
    config: formatConfig(about.config),
    depth_max_m: String(about.depth_max_m),
    steps: String(about.steps),
  };
  await writeFileAtomically(file, writeSafetensors(namedTensors(store), metadata));
}

/**
 * Reads a trained student (or a checkpoint); throws InputError where the file is something else.
 */
export async function readStudent(file: string): Promise<StudentFile> {
  const { tensors, metadata } = readSafetensors(await readBytes(file), file);
  const text = metadata["config"];
  if (text === undefined) {
    throw new InputError(
      `${file}: is not a student of ringdepth: its metadata has no configuration`,
    );
  }
  const config = resolveConfig(parseConfigFile(text, file), file);
  const take = tensorReader(tensors, file);
  return {
    config,
    depth_max_m: Number(metadata["depth_max_m"]),
    steps: Number(metadata["steps"] ?? metadata["step"]),
    load: (store) => {
      for (const { name, shape, offset } of store.layout.slots) {
        store.arenas.parameters.set(take(name, shape), offset);
      }
      for (const [name, values] of store.states) values.set(take(`state/${name}`, [values.length]));
    },
  };
}
