// Checkpoints: everything a run needs in order to resume to the same bits. Parameters, moments and
// states as safetensors, with the step (the only other state: order, augmentation and schedule
// follow from it) and the configuration, all under one seal.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readBytes, systemReason, writeFileAtomically } from "../formats/atomic_file.ts";
import { disk } from "../formats/disk.ts";
import { openSealed, sealSafetensors } from "../formats/sealed_file.ts";
import type { CpuStore } from "../graph/cpu_store.ts";
import { InputError } from "../tensor/error.ts";
import { parseFactors, type BalanceFactors } from "./balance.ts";
import { formatOrigin, parseOrigin, type StudentOrigin } from "./student_origin.ts";
import { countIn, depthIn, namedTensors, tensorReader } from "./trained/tensors.ts";

/** The metadata of a checkpoint. */
export interface CheckpointInfo {
  /** Completed steps. */
  readonly step: number;
  /** The configuration as YAML; a run resumes only with its own. */
  readonly config: string;
  /** Depth in metres of a bin centre of 1. */
  readonly depth_max_m: number;
  /** The training data; absent if unknown. */
  readonly origin?: StudentOrigin;
  /** Factors on the weights of the loss; absent before they are measured. */
  readonly factors?: BalanceFactors;
  /** Hash of the module of the teacher; absent for a teacher without one. */
  readonly teacher_module?: string | undefined;
}

const MOMENTS = ["first_moments", "second_moments"] as const;

/** The name of the checkpoint with the best validation, which pruning leaves alone. */
export const BEST_CHECKPOINT = "best.safetensors";

/**
 * Writes `step-N.safetensors`, or `as`, into a folder: to a temporary file, synced, renamed.
 * Returns its path.
 */
export async function writeCheckpoint(
  folder: string,
  store: CpuStore,
  info: CheckpointInfo,
  as = `step-${info.step}.safetensors`,
): Promise<string> {
  const moments = MOMENTS.flatMap((arena) =>
    store.layout.slots.map(({ name, shape, offset, size }) => ({
      name: `${arena}/${name}`,
      shape,
      data: Float32Array.from(store.arenas[arena].subarray(offset, offset + size)),
    })),
  );
  const file = join(folder, as);
  const metadata = {
    step: String(info.step),
    config: info.config,
    depth_max_m: String(info.depth_max_m),
    ...(info.origin && formatOrigin(info.origin)),
    ...(info.factors && { balance: JSON.stringify(info.factors) }),
    ...(info.teacher_module !== undefined && { teacher_module: info.teacher_module }),
  };
  const bytes = sealSafetensors([...namedTensors(store), ...moments], metadata);
  await writeFileAtomically(file, bytes);
  return file;
}

/** A checkpoint whose seal holds; `load` fills a store of its network. */
export interface OpenCheckpoint extends CheckpointInfo {
  readonly file: string;
  /** Throws InputError if the store belongs to another network or a number is not finite. */
  readonly load: (store: CpuStore) => void;
}

/** Opens a checkpoint; throws InputError naming the file if it is damaged or not a checkpoint. */
export async function openCheckpoint(file: string): Promise<OpenCheckpoint> {
  const { tensors, metadata, sealed } = openSealed(await readBytes(file), file);
  const { step, config, depth_max_m, teacher_module } = metadata;
  if (!sealed) {
    throw new InputError(
      `${file}: has no checksum over its whole content: it is damaged, or an older version wrote it`,
    );
  }
  if (step === undefined || config === undefined || depth_max_m === undefined) {
    throw new InputError(`${file}: is not a checkpoint of ringdepth`);
  }
  const origin = parseOrigin(metadata, file);
  const factors = parseFactors(metadata["balance"], file);
  return {
    file,
    step: countIn(metadata, "step", file),
    config,
    depth_max_m: depthIn(metadata, file),
    ...(origin !== null && { origin }),
    ...(factors !== undefined && { factors }),
    teacher_module,
    load: (store) => {
      const take = tensorReader(tensors, file);
      // All of them are checked before the first one is copied.
      const copies: { readonly values: Float32Array; readonly to: Float64Array }[] = [];
      for (const { name, shape, offset, size } of store.layout.slots) {
        for (const arena of ["parameters", ...MOMENTS] as const) {
          const stored = arena === "parameters" ? name : `${arena}/${name}`;
          const to = store.arenas[arena].subarray(offset, offset + size);
          copies.push({ values: take(stored, shape), to });
        }
      }
      for (const [name, to] of store.states) {
        copies.push({ values: take(`state/${name}`, [to.length]), to });
      }
      for (const { values, to } of copies) to.set(values);
    },
  };
}

/** A checkpoint by its name in the folder. */
export interface CheckpointName {
  readonly step: number;
  readonly file: string;
}

/**
 * The checkpoints of a folder, the one with the most steps first; empty if there is no folder.
 * Throws InputError if it cannot be read.
 */
export async function checkpointsIn(folder: string): Promise<CheckpointName[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new InputError(`${folder}: cannot read: ${systemReason(error)}`);
  });
  return names
    .flatMap((name) => {
      const step = /^step-(\d+)\.safetensors$/.exec(name)?.[1];
      return step === undefined ? [] : [{ step: Number(step), file: join(folder, name) }];
    })
    .sort((a, b) => b.step - a.step);
}

/**
 * Removes the checkpoints before `step` beyond the newest `keep`, the one of `step` counted. Later
 * ones (damaged, else the run would have resumed from them) are not counted and stay.
 */
export async function pruneCheckpoints(folder: string, step: number, keep: number): Promise<void> {
  const upTo = (await checkpointsIn(folder)).filter((checkpoint) => checkpoint.step <= step);
  for (const { file } of upTo.slice(Math.max(1, keep))) {
    await disk()
      .unlink(file)
      .catch((error: unknown) => {
        throw new InputError(`${file}: cannot remove: ${systemReason(error)}`);
      });
  }
}
