// The weights of a Depth Anything network, every tensor checked by name, shape and value, in the
// order of axes of our kernels.
import { formatShape, sameShape, size, strides, type Shape } from "../../tensor/shape.ts";
import { InputError } from "../../tensor/error.ts";
import type { Architecture } from "./architecture.ts";
import { findArchitecture } from "./configuration.ts";
import { namedTensors, type NamedTensor, type Naming } from "./tensor_names.ts";
import { readWeightFiles, type WeightFiles, type WeightTensor } from "./weight_files.ts";

/** A tensor as our kernels take it. */
export interface Weight {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** A network's weights. */
export interface FoundationWeights {
  readonly architecture: Architecture;
  readonly naming: Naming;
  /** By our names. */
  readonly tensors: ReadonlyMap<string, Weight>;
  /** SHA-256 of the files. */
  readonly digest: string;
  /** The assumption made where there is no config.json; null for none. */
  readonly assumed: string | null;
}

/** The stored types that are read. */
const DTYPES: readonly string[] = ["F32", "F16", "BF16"];
const SHOWN = 3;

/**
 * Reads the weights at `path`: a .safetensors file, an index of shards, or a folder with either.
 * Throws InputError naming each tensor that is missing, extra, of another shape or type, or not
 * finite.
 */
export async function readFoundationWeights(path: string): Promise<FoundationWeights> {
  return foundationWeights(await readWeightFiles(path));
}

/** The weights that files hold; throws as `readFoundationWeights` does. */
export function foundationWeights(files: WeightFiles): FoundationWeights {
  const { architecture, naming, assumed } = findArchitecture(files);
  const wanted = namedTensors(architecture);
  checkNames(files, wanted, naming);
  const tensors = new Map<string, Weight>();
  for (const tensor of wanted) {
    const stored = files.tensors.get(tensor[naming]);
    if (stored === undefined) continue; // unused, as checkNames found
    checkStored(tensor[naming], stored, storedShape(tensor, naming));
    tensors.set(tensor.name, ownTensor(tensor, naming, stored));
  }
  return { architecture, naming, tensors, digest: files.digest, assumed };
}

/** The shape of a tensor in a file. */
function storedShape({ shape, third }: NamedTensor, naming: Naming): Shape {
  return third === undefined || naming === "huggingface"
    ? shape
    : [3 * shape[0], ...shape.slice(1)];
}

function checkNames(files: WeightFiles, wanted: readonly NamedTensor[], naming: Naming): void {
  const names = new Map(wanted.map((tensor) => [tensor[naming], tensor]));
  const missing = [...names].filter(
    ([name, { isUnused }]) => !files.tensors.has(name) && isUnused !== true,
  );
  if (missing.length > 0) {
    throw new InputError(`${files.file}: ${listed(missing.map(([name]) => name))} missing`);
  }
  const extra = [...files.tensors.keys()].filter((name) => !names.has(name));
  if (extra.length > 0) {
    throw new InputError(`${files.file}: ${listed(extra)} not part of this network`);
  }
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(", ");
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return names.length === 1 ? `tensor ${shown} is` : `tensors ${shown}${more} are`;
}

function checkStored(name: string, { file, shape, dtype, data }: WeightTensor, want: Shape): void {
  const where = `${file}: tensor ${name}`;
  if (!sameShape(shape, want)) {
    throw new InputError(`${where} is ${formatShape(shape)}; expected ${formatShape(want)}`);
  }
  if (!DTYPES.includes(dtype)) {
    throw new InputError(`${where} is ${dtype}; expected ${DTYPES.join(", ")}`);
  }
  const values = data as Float32Array;
  const bad = firstNonFinite(values);
  if (bad < 0) return;
  throw new InputError(`${where} has ${values[bad]} at element ${bad}; expected finite numbers`);
}

/** The index of the first number that is not finite, -1 for none; a loop, as there are 10^8 of them. */
function firstNonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

function ownTensor(tensor: NamedTensor, naming: Naming, stored: WeightTensor): Weight {
  const { shape, permutation, third } = tensor;
  const values = stored.data as Float32Array;
  const count = size(shape);
  const own =
    third === undefined || naming === "huggingface"
      ? values
      : values.subarray(third * count, (third + 1) * count);
  return permutation === undefined ? { shape, data: own } : permuted(own, shape, permutation);
}

/** The tensor with axis `permutation[i]` of `shape` as its axis i; four axes. */
function permuted(values: Float32Array, shape: Shape, permutation: readonly number[]): Weight {
  const own = permutation.map((axis) => shape[axis]);
  const [s0, s1, s2, s3] = permutation.map((axis) => strides(shape)[axis]);
  const data = new Float32Array(values.length);
  const [n0, n1, n2, n3] = own;
  let to = 0;
  for (let a = 0; a < n0; a++) {
    for (let b = 0; b < n1; b++) {
      for (let c = 0; c < n2; c++) {
        const from = a * s0 + b * s1 + c * s2;
        for (let d = 0; d < n3; d++) data[to++] = values[from + d * s3];
      }
    }
  }
  return { shape: own, data };
}
