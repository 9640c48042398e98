// The commands of rank 0, which runs the loop of a training, to the other processes of its job.
import type { InputScale } from "../../data/batch.ts";
import type { Camera } from "../../data/camera.ts";
import type { DataSource } from "../../data/data_source.ts";
import type { Choice } from "../../engine/tuning.ts";
import type { CpuStore } from "../../graph/cpu_store.ts";
import { ARENAS } from "../../graph/layout.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import { InputError } from "../../tensor/error.ts";
import type { TrainConfig } from "../config.ts";
import { formatConfig } from "../config/text.ts";
import { withoutPlaces } from "../resume.ts";
import { requireSameData } from "../student_origin.ts";

/** The network of a session: with the update of the parameters, or up to the gradient. */
export type SessionKind = "training" | "gradient";

/** One thing to do, by all processes together. */
export type Command =
  /** Opens a session; its numbers follow as `storeBytes`. */
  | {
      readonly kind: "open";
      readonly session: number;
      readonly network: SessionKind;
      readonly shared: SharedFacts;
      /** The first step of the run. */
      readonly step: number;
      readonly tuning: readonly (readonly [problem: string, choice: Choice])[];
    }
  /** Runs a step, counted from 0, on the moments of each process. */
  | {
      readonly kind: "step";
      readonly session: number;
      readonly step: number;
      readonly scalars: Readonly<Record<string, number>>;
    }
  | { readonly kind: "close"; readonly session: number }
  /** The training is over. */
  | { readonly kind: "end" };

/** The facts about a run that all its processes must share. */
export interface SharedFacts {
  /** The configuration as YAML, without the places of files. */
  readonly config: string;
  /** Hash of the module of the teacher; null for a teacher without one. */
  readonly module: string | null;
  /** The scale of the student. */
  readonly scale: Required<InputScale>;
  readonly cameras: readonly Camera[];
  /** Moments of the training data. */
  readonly count: number;
}

/** The facts of a run at one of its processes; rank 0 decides about the scale. */
export function sharedFacts(
  config: TrainConfig,
  { cameras, count }: Pick<DataSource, "cameras" | "count">,
  teacher: Pick<Teacher, "module"> | null,
  scale: Required<InputScale>,
): SharedFacts {
  const text = formatConfig(withoutPlaces(config));
  return { config: text, module: teacher?.module ?? null, scale, cameras, count };
}

/** Throws InputError if `own`, the facts of this process, are not those of rank 0. */
export function requireSharedFacts(shared: SharedFacts, own: SharedFacts, name: string): void {
  if (shared.config !== own.config) {
    throw new InputError(
      "the configuration differs from that of rank 0; start all processes with the same options",
    );
  }
  if (shared.module !== own.module) {
    throw new InputError(
      "the module of the teacher has other content than that of rank 0; give all processes the same one",
    );
  }
  const { scale, cameras, count } = shared;
  const facts = { scale, moments: null };
  requireSameData({ ...facts, cameras }, { ...facts, cameras: own.cameras }, name);
  if (own.count !== count) {
    throw new InputError(
      `${name}: has ${own.count} moments, and rank 0 found ${count}; give all processes the same data`,
    );
  }
}

/** A message as bytes. */
export function messageBytes(message: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message));
}

/** The message that `messageBytes` made into bytes. */
export function messageOf(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Every number of a store, as f32, which it holds exactly. */
export function storeBytes(store: CpuStore): Uint8Array {
  const lists = listsOf(store);
  const all = new Float32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const list of lists) {
    all.set(list, start);
    start += list.length;
  }
  return new Uint8Array(all.buffer);
}

/** Fills a store of the same network; throws if it has another number of numbers. */
export function fillStore(store: CpuStore, bytes: Uint8Array): void {
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const lists = listsOf(store);
  const wanted = lists.reduce((sum, { length }) => sum + length, 0);
  if (wanted !== all.length) throw new Error(`rank 0 has ${all.length} numbers, not ${wanted}`);
  let start = 0;
  for (const list of lists) {
    list.set(all.subarray(start, start + list.length));
    start += list.length;
  }
}

function listsOf({ arenas, states }: CpuStore): Float64Array[] {
  return [...ARENAS.map((name) => arenas[name]), ...states.values()];
}
