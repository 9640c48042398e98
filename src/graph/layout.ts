// Where tensors stand in a flat arena: declared order, 256-byte aligned, zero padded (DESIGN 11.7).
import { size, type Shape } from "../tensor/shape.ts";

/** Floats between aligned starts: WebGPU binds storage at multiples of 256 bytes. */
export const ALIGNMENT_FLOATS = 64;

/** One tensor's place in an arena, in floats. */
export interface Slot {
  readonly name: string;
  readonly shape: Shape;
  readonly offset: number;
  readonly size: number;
}

/** Places of all tensors of an arena, by name and in order. */
export interface ArenaLayout {
  readonly slots: readonly Slot[];
  readonly byName: ReadonlyMap<string, Slot>;
  /** Length of the arena in floats. */
  readonly floats: number;
}

/** Lays tensors out one after the other; throws when a name comes twice. */
export function arenaLayout(
  tensors: readonly { readonly name: string; readonly shape: Shape }[],
): ArenaLayout {
  const slots: Slot[] = [];
  const byName = new Map<string, Slot>();
  let offset = 0;
  for (const { name, shape } of tensors) {
    if (byName.has(name)) throw new Error(`two tensors of one arena are called ${name}`);
    const slot = { name, shape, offset, size: size(shape) };
    slots.push(slot);
    byName.set(name, slot);
    offset += Math.ceil(slot.size / ALIGNMENT_FLOATS) * ALIGNMENT_FLOATS;
  }
  return { slots, byName, floats: offset };
}
