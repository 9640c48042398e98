// The layout of tensors in a flat arena: in declared order, 256-byte aligned, zero padded.
import { InputError } from "../tensor/error.ts";
import { formatShape, sameShape, size, type Shape } from "../tensor/shape.ts";
import type { ArenaName } from "./value.ts";

/** The flat arenas over all parameters, in the order of checkpoints. */
export const ARENAS: readonly ArenaName[] = [
  "parameters",
  "gradients",
  "first_moments",
  "second_moments",
];

/** One item for each arena, by name. */
export function eachArena<T>(make: (name: ArenaName) => T): Record<ArenaName, T> {
  return Object.fromEntries(ARENAS.map((name) => [name, make(name)])) as Record<ArenaName, T>;
}

/** Floats between aligned starts: WebGPU binds storage at multiples of 256 bytes. */
export const ALIGNMENT_FLOATS = 64;

/** The position of one tensor in an arena, in floats. */
export interface Slot {
  readonly name: string;
  readonly shape: Shape;
  readonly offset: number;
  readonly size: number;
}

/** Positions of all tensors of an arena, by name and in order. */
export interface ArenaLayout {
  readonly slots: readonly Slot[];
  readonly byName: ReadonlyMap<string, Slot>;
  /** Length of the arena in floats. */
  readonly floats: number;
}

/** Lays tensors out one after the other; throws if a name occurs twice. */
export function arenaLayout(
  tensors: readonly { readonly name: string; readonly shape: Shape }[],
): ArenaLayout {
  const slots: Slot[] = [];
  const byName = new Map<string, Slot>();
  let offset = 0;
  for (const { name, shape } of tensors) {
    if (byName.has(name)) throw new InputError(`two tensors of one arena are called ${name}`);
    const slot = { name, shape, offset, size: size(shape) };
    slots.push(slot);
    byName.set(name, slot);
    offset += Math.ceil(slot.size / ALIGNMENT_FLOATS) * ALIGNMENT_FLOATS;
  }
  return { slots, byName, floats: offset };
}

/** The position of a tensor, found by name; throws if the arena has none of that name and shape. */
export function slotOf(
  layout: ArenaLayout,
  { name, shape }: { readonly name: string; readonly shape: Shape },
): Slot {
  const slot = layout.byName.get(name);
  if (slot === undefined) throw new InputError(`${name}${formatShape(shape)} is not in the store`);
  if (!sameShape(slot.shape, shape)) {
    throw new InputError(`${name}${formatShape(shape)} is ${formatShape(slot.shape)} in the store`);
  }
  return slot;
}
