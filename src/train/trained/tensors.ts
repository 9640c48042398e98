// The tensors and the metadata of a trained network, as checkpoints and students hold them.
import { toFloat32 } from "../../formats/elements.ts";
import type { NewTensor, SafetensorsDtype, StoredTensor } from "../../formats/safetensors.ts";
import type { CpuStore } from "../../graph/cpu_store.ts";
import { isOfScaling } from "../../graph/ops/loss_scale.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape, sameShape, type Shape } from "../../tensor/shape.ts";

/** The dtypes of trained numbers. */
export const FLOAT_DTYPES: readonly SafetensorsDtype[] = ["F32", "F16", "BF16", "F64"];

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

/**
 * Fills a store with the numbers of a trained network in `tensors` of `file`. Throws InputError as
 * `tensorReader` does, before it has copied any.
 */
export function loadNetwork(
  tensors: ReadonlyMap<string, StoredTensor>,
  file: string,
  store: CpuStore,
): void {
  const take = tensorReader(tensors, file);
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
}
