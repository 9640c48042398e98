// Checkpoints: everything a run needs to go on to the same bits. Parameters, moments and states as
// safetensors, with the step (the only other state: order, augmentation and schedule follow from
// it), the configuration and a checksum.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readBytes, writeFileAtomically } from "../formats/atomic_file.ts";
import { crc32 } from "../formats/crc32.ts";
import { encodeElements, toFloat32 } from "../formats/elements.ts";
import {
  readSafetensors,
  writeSafetensors,
  type NewTensor,
  type StoredTensor,
} from "../formats/safetensors.ts";
import type { CpuStore } from "../graph/cpu.ts";
import { InputError } from "../tensor/error.ts";
import { formatShape, sameShape, type Shape } from "../tensor/shape.ts";

/** What a checkpoint says beside the tensors. */
export interface CheckpointInfo {
  /** Steps done. */
  readonly step: number;
  /** The configuration as YAML; a run resumes only with its own. */
  readonly config: string;
  /** Metres of a bin centre of 1. */
  readonly depth_max_m: number;
}

const MOMENTS = ["first_moments", "second_moments"] as const;

/**
 * Trained tensors by name: parameters `name` as the graph shapes them, states `state/name` (all are
 * lists).
 */
export function namedTensors(store: CpuStore): NewTensor[] {
  const parameters = store.layout.slots.map(({ name, shape, offset, size }) => ({
    name,
    shape,
    data: Float32Array.from(store.arenas.parameters.subarray(offset, offset + size)),
  }));
  const states = [...store.states].map(([name, values]) => ({
    name: `state/${name}`,
    shape: [values.length],
    data: Float32Array.from(values),
  }));
  return [...parameters, ...states];
}

/**
 * Writes `step-N.safetensors` into a folder: to a temporary file, synced, renamed. Returns its
 * path.
 */
export async function writeCheckpoint(
  folder: string,
  store: CpuStore,
  info: CheckpointInfo,
): Promise<string> {
  const moments = MOMENTS.flatMap((arena) =>
    store.layout.slots.map(({ name, shape, offset, size }) => ({
      name: `${arena}/${name}`,
      shape,
      data: Float32Array.from(store.arenas[arena].subarray(offset, offset + size)),
    })),
  );
  const tensors = [...namedTensors(store), ...moments];
  const file = join(folder, `step-${info.step}.safetensors`);
  const metadata = {
    step: String(info.step),
    config: info.config,
    depth_max_m: String(info.depth_max_m),
    checksum: checksum(tensors),
  };
  await writeFileAtomically(file, writeSafetensors(tensors, metadata));
  return file;
}

/**
 * Reads a checkpoint into a store of the same network; throws InputError where they differ or the
 * file is damaged.
 */
export async function readCheckpoint(file: string, store: CpuStore): Promise<CheckpointInfo> {
  const { tensors, metadata } = readSafetensors(await readBytes(file), file);
  const list = [...tensors].map(([name, { shape, data }]) => ({ name, shape, data }));
  if (metadata["checksum"] !== checksum(list)) {
    throw new InputError(
      `${file}: its checksum does not match its tensors; use an earlier checkpoint`,
    );
  }
  const take = tensorReader(tensors, file);
  for (const { name, shape, offset } of store.layout.slots) {
    store.arenas.parameters.set(take(name, shape), offset);
    for (const arena of MOMENTS) store.arenas[arena].set(take(`${arena}/${name}`, shape), offset);
  }
  for (const [name, values] of store.states) values.set(take(`state/${name}`, [values.length]));
  return {
    step: Number(metadata["step"]),
    config: metadata["config"] ?? "",
    depth_max_m: Number(metadata["depth_max_m"]),
  };
}

/** The checkpoint of a folder with the most steps, or null. */
export async function latestCheckpoint(folder: string): Promise<string | null> {
  let best: { step: number; file: string } | null = null;
  for (const name of await readdir(folder).catch(() => [])) {
    const step = /^step-(\d+)\.safetensors$/.exec(name)?.[1];
    if (step !== undefined && Number(step) > (best?.step ?? -1)) {
      best = { step: Number(step), file: join(folder, name) };
    }
  }
  return best?.file ?? null;
}

/** Looks tensors up by name; throws InputError where one is missing or has another shape. */
export function tensorReader(
  tensors: ReadonlyMap<string, StoredTensor>,
  file: string,
): (name: string, shape: Shape) => Float32Array {
  return (name, shape) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new InputError(`${file}: lacks the tensor ${name}`);
    if (!sameShape(tensor.shape, shape)) {
      throw new InputError(
        `${file}: ${name} is ${formatShape(tensor.shape)}, this student's is ${formatShape(shape)}`,
      );
    }
    return toFloat32(tensor.data);
  };
}

/** CRC-32 over names and bytes of all tensors, in order of name. */
function checksum(tensors: readonly NewTensor[]): string {
  const parts = tensors
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, data }) => `${name}:${crc32(encodeElements(data))}`);
  return String(crc32(new TextEncoder().encode(parts.join("\n"))));
}
