// Memory by liveness: places every intermediate tensor in a few shared arenas, aliasing what is dead.
// WebGPU refuses one buffer that is both read and written in a dispatch, even on disjoint ranges, so arenas are
// coloured: no call writes into an arena that it reads from.
import { size } from "../tensor/shape.ts";
import { ALIGNMENT_FLOATS } from "./layout.ts";
import type { Call, Tensor } from "./value.ts";

/** Where an intermediate tensor lives: which arena, and where in it, in floats. */
export interface Place {
  readonly arena: number;
  readonly offset: number;
}

/** Places of all intermediates and the length of each arena, in floats. */
export interface MemoryPlan {
  readonly places: ReadonlyMap<Tensor, Place>;
  readonly arenas: readonly number[];
}

interface Block {
  offset: number;
  floats: number;
}

/** An arena under planning: its free blocks in order of offset, and how far it has grown. */
interface Arena {
  free: Block[];
  floats: number;
}

/**
 * Plans the arenas. `isPlanned` says which root tensors are intermediates (the others have fixed homes);
 * tensors of `kept` live to the end of the step.
 */
export function planMemory(
  calls: readonly Call[],
  rootOf: (tensor: Tensor) => Tensor,
  isPlanned: (root: Tensor) => boolean,
  kept: ReadonlySet<Tensor>,
): MemoryPlan {
  const lastUse = new Map<Tensor, number>();
  calls.forEach((call, step) => {
    for (const tensor of Object.values(call.bindings)) lastUse.set(rootOf(tensor), step);
  });
  const places = new Map<Tensor, Place>();
  const arenas: Arena[] = [];
  calls.forEach((call, step) => {
    const { read, written } = touched(call, rootOf);
    const reading = new Set<number>();
    for (const root of read) {
      const place = places.get(root);
      if (place !== undefined) reading.add(place.arena);
    }
    // Largest first: small tensors fit the gaps that large ones leave.
    const fresh = written
      .filter((root) => isPlanned(root) && !places.has(root))
      .toSorted((a, b) => size(b.shape) - size(a.shape));
    for (const root of fresh) places.set(root, allocate(arenas, reading, blockFloats(root)));
    for (const root of new Set([...read, ...written])) {
      const place = places.get(root);
      if (place === undefined || kept.has(root) || lastUse.get(root) !== step) continue;
      release(arenas[place.arena]!, place.offset, blockFloats(root));
    }
  });
  return { places, arenas: arenas.map(({ floats }) => floats) };
}

function touched(
  call: Call,
  rootOf: (tensor: Tensor) => Tensor,
): { read: Tensor[]; written: Tensor[] } {
  const read: Tensor[] = [];
  const written: Tensor[] = [];
  for (const { name, access } of call.kernel.shader.bindings) {
    (access === "read" ? read : written).push(rootOf(call.bindings[name]!));
  }
  return { read, written };
}

function blockFloats(tensor: Tensor): number {
  return Math.max(1, Math.ceil(size(tensor.shape) / ALIGNMENT_FLOATS)) * ALIGNMENT_FLOATS;
}

/** Takes a block in the arena that grows least, among those not being read; opens a new one where none is left. */
function allocate(arenas: Arena[], reading: ReadonlySet<number>, floats: number): Place {
  let best: { arena: number; block: Block | null; growth: number } | null = null;
  arenas.forEach(({ free, floats: end }, arena) => {
    if (reading.has(arena)) return;
    let block: Block | null = null;
    for (const candidate of free) {
      if (candidate.floats < floats) continue;
      if (block === null || candidate.floats < block.floats) block = candidate;
    }
    // A free block at the very end can be extended.
    const last = free.at(-1);
    const tail = last !== undefined && last.offset + last.floats === end ? last.floats : 0;
    const growth = block === null ? floats - tail : 0;
    if (best === null || growth < best.growth) best = { arena, block, growth };
  });
  const chosen = best as { arena: number; block: Block | null; growth: number } | null;
  if (chosen === null) {
    arenas.push({ free: [], floats });
    return { arena: arenas.length - 1, offset: 0 };
  }
  const arena = arenas[chosen.arena]!;
  const { block } = chosen;
  if (block !== null) {
    const offset = block.offset;
    block.offset += floats;
    block.floats -= floats;
    if (block.floats === 0) arena.free.splice(arena.free.indexOf(block), 1);
    return { arena: chosen.arena, offset };
  }
  const last = arena.free.at(-1);
  const tail = last !== undefined && last.offset + last.floats === arena.floats ? last : null;
  const offset = tail?.offset ?? arena.floats;
  if (tail !== null) arena.free.pop();
  arena.floats = offset + floats;
  return { arena: chosen.arena, offset };
}

function release(arena: Arena, offset: number, floats: number): void {
  const at = arena.free.findIndex((block) => block.offset > offset);
  const index = at < 0 ? arena.free.length : at;
  arena.free.splice(index, 0, { offset, floats });
  const merge = (i: number): void => {
    const [a, b] = [arena.free[i], arena.free[i + 1]];
    if (a === undefined || b === undefined || a.offset + a.floats !== b.offset) return;
    a.floats += b.floats;
    arena.free.splice(i + 1, 1);
  };
  merge(index);
  merge(index - 1);
}
