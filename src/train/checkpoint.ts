// Checkpoints: everything a run needs in order to resume to the same bits. Parameters, moments and
// states as safetensors, with the step (the only other state: order, augmentation and schedule
// follow from it) and the configuration, all under one seal.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readBytes, systemReason, writeFileAtomically } from "../formats/atomic_file.ts";
import { disk } from "../formats/disk.ts";
import { toFloat32 } from "../formats/elements.ts";
import type { NewTensor, SafetensorsDtype, StoredTensor } from "../formats/safetensors.ts";
import { openSealed, sealSafetensors } from "../formats/sealed_file.ts";
import type { CpuStore } from "../graph/cpu_store.ts";
import { InputError } from "../tensor/error.ts";
import { formatShape, sameShape, type Shape } from "../tensor/shape.ts";
import { parseFactors, type BalanceFactors } from "./balance.ts";
import { formatOrigin, parseOrigin, type StudentOrigin } from "./student_origin.ts";

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

/** The dtypes of trained numbers. */
export const FLOAT_DTYPES: readonly SafetensorsDtype[] = ["F32", "F16", "BF16", "F64"];

const MOMENTS = ["first_moments", "second_moments"] as const;

/**
 * Trained tensors by name: parameters `name` as the graph shapes them, states `state/name` (all are
 * lists) but for those to leave out.
 */
export function namedTensors(
  store: CpuStore,
  leaveOut: (state: string) => boolean = () => false,
): NewTensor[] {
  const parameters = store.layout.slots.map(({ name, shape, offset, size }) => ({
    name,
    shape,
    data: Float32Array.from(store.arenas.parameters.subarray(offset, offset + size)),
  }));
  const kept = [...store.states].filter(([name]) => !leaveOut(name));
  const states = kept.map(([name, values]) => ({
    name: `state/${name}`,
    shape: [values.length],
    data: Float32Array.from(values),
  }));
  return [...parameters, ...states];
}

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

/** A count in the metadata; throws InputError if it is missing or not a whole number from 0. */
export function countIn(
  metadata: Readonly<Record<string, string>>,
  key: string,
  file: string,
): number {
  const value = numberIn(metadata, key, file);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InputError(`${file}: metadata ${key} is ${value}; expected a count`);
}

/** The depth of a bin centre of 1 in the metadata; throws InputError unless it is above 0 m. */
export function depthIn(metadata: Readonly<Record<string, string>>, file: string): number {
  const value = numberIn(metadata, "depth_max_m", file);
  if (value > 0) return value;
  throw new InputError(`${file}: metadata depth_max_m is ${value}; expected metres above 0`);
}

/** A number of the metadata; throws InputError if it is missing or not finite. */
function numberIn(metadata: Readonly<Record<string, string>>, key: string, file: string): number {
  const text = metadata[key];
  if (text === undefined) throw new InputError(`${file}: its metadata lacks ${key}`);
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new InputError(`${file}: metadata ${key} is ${value}; expected a finite number`);
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

/**
 * Looks tensors up by name; throws InputError if one is missing, has another shape or contains a
 * number that is not finite.
 */
export function tensorReader(
  tensors: ReadonlyMap<string, StoredTensor>,
  file: string,
): (name: string, shape: Shape) => Float32Array {
  return (name, shape) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new InputError(`${file}: lacks the tensor ${name}`);
    if (!FLOAT_DTYPES.includes(tensor.dtype)) {
      throw new InputError(
        `${file}: ${name} is ${tensor.dtype}; expected ${FLOAT_DTYPES.join(", ")}`,
      );
    }
    if (!sameShape(tensor.shape, shape)) {
      throw new InputError(
        `${file}: ${name} is ${formatShape(tensor.shape)}, this student's is ${formatShape(shape)}`,
      );
    }
    const values = toFloat32(tensor.data);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new InputError(
        `${file}: ${name}: element ${bad} of ${values.length} is ${values[bad]}; a network with such ` +
          `a number computes nothing that can be used`,
      );
    }
    return values;
  };
}
