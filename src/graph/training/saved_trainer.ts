// A trainer as a safetensors file: parameters under their own names, states as `state/NAME`, moments
// of the optimiser as `first_moments/NAME` and `second_moments/NAME`, the completed steps as
// metadata.
import { toFloat32 } from "../../formats/elements.ts";
import { readSafetensors, writeSafetensors, type NewTensor } from "../../formats/safetensors.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape, sameShape, type Shape } from "../../tensor/shape.ts";
import type { CpuStore } from "../cpu_store.ts";

const MOMENTS = ["first_moments", "second_moments"] as const;
const FLOATS: readonly string[] = ["F32", "F16", "BF16", "F64"];

/** The parameters of a store, by name and in declared order, as `writeSafetensors` takes them. */
export function parameterTensors(store: CpuStore): NewTensor[] {
  return arenaTensors(store, "parameters", "");
}

/** Everything that a trainer needs to continue with the same bits, as a safetensors file. */
export function savedTrainer(store: CpuStore, steps: number): Uint8Array {
  const states = [...store.states].map(([name, values]) => ({
    name: `state/${name}`,
    shape: [values.length],
    data: Float32Array.from(values),
  }));
  const moments = MOMENTS.flatMap((arena) => arenaTensors(store, arena, `${arena}/`));
  return writeSafetensors([...parameterTensors(store), ...states, ...moments], {
    format: "ringdepth trainer",
    steps: String(steps),
  });
}

/**
 * Copies a file of `savedTrainer`, or one with parameters and states alone, into a store and returns
 * its completed steps, 0 if it has no moments. Throws InputError, naming `file` and the tensor, with
 * nothing changed, if a tensor is missing or unknown, has another shape or another type, or is not
 * finite.
 */
export function loadTrainer(store: CpuStore, bytes: Uint8Array, file: string): number {
  const { tensors, metadata } = readSafetensors(bytes, file);
  const left = new Set(tensors.keys());
  const take = (name: string, shape: Shape): Float32Array => {
    const tensor = tensors.get(name);
    left.delete(name);
    const at = `${file}: tensor ${name}`;
    if (tensor === undefined) throw new InputError(`${at}${formatShape(shape)} is missing`);
    if (!FLOATS.includes(tensor.dtype) || !sameShape(tensor.shape, shape)) {
      throw new InputError(
        `${at} is ${tensor.dtype} ${formatShape(tensor.shape)}; expected F32 ${formatShape(shape)}`,
      );
    }
    const values = toFloat32(tensor.data);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new InputError(`${at} has ${values[bad]} at index ${bad}`);
    return values;
  };
  const { arenas, layout } = store;
  const hasMoments = layout.slots.some(({ name }) => tensors.has(`${MOMENTS[0]}/${name}`));
  const copies: (readonly [to: Float64Array, values: Float32Array])[] = [];
  for (const arena of hasMoments
    ? (["parameters", ...MOMENTS] as const)
    : ["parameters" as const]) {
    for (const { name, shape, offset, size } of layout.slots) {
      const stored = arena === "parameters" ? name : `${arena}/${name}`;
      copies.push([arenas[arena].subarray(offset, offset + size), take(stored, shape)]);
    }
  }
  for (const [name, to] of store.states) copies.push([to, take(`state/${name}`, [to.length])]);
  const steps = hasMoments ? stepsIn(metadata["steps"], file) : 0;
  const [unknown] = left;
  if (unknown !== undefined) {
    throw new InputError(`${file}: tensor ${unknown} is not in the graph`);
  }
  if (!hasMoments) for (const arena of MOMENTS) arenas[arena].fill(0);
  for (const [to, values] of copies) to.set(values);
  return steps;
}

function arenaTensors(
  { arenas, layout }: CpuStore,
  arena: "parameters" | (typeof MOMENTS)[number],
  prefix: string,
): NewTensor[] {
  return layout.slots.map(({ name, shape, offset, size }) => ({
    name: `${prefix}${name}`,
    shape,
    data: Float32Array.from(arenas[arena].subarray(offset, offset + size)),
  }));
}

function stepsIn(text: string | undefined, file: string): number {
  const steps = Number(text ?? "");
  if (text !== undefined && /^\d+$/.test(text) && Number.isSafeInteger(steps)) return steps;
  throw new InputError(`${file}: its metadata has no number of completed steps`);
}
