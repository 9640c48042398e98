// Memory by liveness: places all intermediate tensors in a few shared arenas and reuses the space
// of dead ones. WebGPU refuses a buffer that is both read and written in one dispatch, even on
// disjoint ranges, so tensors that are used that way in any call go to different arenas.
import { size } from "../tensor/shape.ts";
import { ALIGNMENT_FLOATS } from "./layout.ts";
import { lastUses } from "./lower.ts";
import type { Call, Tensor } from "./value.ts";

/** The position of an intermediate tensor: its arena, and its offset there in floats. */
export interface Place {
  readonly arena: number;
  readonly offset: number;
}

/** Positions of all intermediates, the length of each arena and the live tensors, in floats. */
export interface MemoryPlan {
  readonly places: ReadonlyMap<Tensor, Place>;
  readonly arenas: readonly number[];
  /** The live tensors of the arenas during each call. */
  readonly live: readonly number[];
}

interface Block {
  offset: number;
  floats: number;
}

/** An arena under planning: its free blocks in order of offset, and its length so far. */
interface Arena {
  free: Block[];
  floats: number;
}

/**
 * Plans the arenas. `isPlanned` says which root tensors are intermediates (the others have fixed
 * homes); tensors of `kept` live to the end of the step; those of `half` are stored as f16. Throws
 * if a call reads a tensor that no earlier call wrote, or reads and writes one tensor.
 */
export function planMemory(
  calls: readonly Call[],
  rootOf: (tensor: Tensor) => Tensor,
  isPlanned: (root: Tensor) => boolean,
  kept: ReadonlySet<Tensor>,
  half: ReadonlySet<Tensor> = new Set(),
): MemoryPlan {
  const blockFloats = (tensor: Tensor): number => floatsOf(tensor, half);
  const lastUse = lastUses(calls, rootOf);
  const apart = tensorsApart(calls, rootOf, isPlanned);
  const places = new Map<Tensor, Place>();
  const arenas: Arena[] = [];
  const live: number[] = [];
  let floats = 0;
  calls.forEach((call, step) => {
    const { read, written } = touched(call, rootOf);
    for (const root of read) {
      if (isPlanned(root) && !places.has(root)) {
        throw new Error(`${call.op}: ${root.name} is read before it is computed`);
      }
    }
    // Largest first: small tensors fit into the gaps that large ones leave.
    const fresh = written
      .filter((root) => isPlanned(root))
      .toSorted((a, b) => size(b.shape) - size(a.shape));
    for (const root of fresh) {
      if (places.has(root)) continue; // also written by an earlier call
      const forbidden = new Set<number>();
      for (const other of apart.get(root) ?? []) {
        const place = places.get(other);
        if (place !== undefined) forbidden.add(place.arena);
      }
      places.set(root, allocate(arenas, forbidden, blockFloats(root)));
      floats += blockFloats(root);
    }
    live.push(floats);
    for (const root of new Set([...read, ...written])) {
      const place = places.get(root);
      if (place === undefined || kept.has(root) || lastUse.get(root) !== step) continue;
      release(arenas[place.arena], place.offset, blockFloats(root));
      floats -= blockFloats(root);
    }
  });
  return { places, arenas: arenas.map((arena) => arena.floats), live };
}

function touched(
  call: Call,
  rootOf: (tensor: Tensor) => Tensor,
): { read: Tensor[]; written: Tensor[] } {
  const read: Tensor[] = [];
  const written: Tensor[] = [];
  for (const { name, access } of call.kernel.shader.bindings) {
    (access === "read" ? read : written).push(rootOf(call.bindings[name]));
  }
  return { read, written };
}

/** For each planned tensor, those that some call reads while it writes this one, or vice versa. */
function tensorsApart(
  calls: readonly Call[],
  rootOf: (tensor: Tensor) => Tensor,
  isPlanned: (root: Tensor) => boolean,
): Map<Tensor, Set<Tensor>> {
  const apart = new Map<Tensor, Set<Tensor>>();
  const part = (a: Tensor, b: Tensor): void => {
    const others = apart.get(a);
    if (others === undefined) apart.set(a, new Set([b]));
    else others.add(b);
  };
  for (const call of calls) {
    const { read, written } = touched(call, rootOf);
    for (const target of written.filter(isPlanned)) {
      for (const source of read.filter(isPlanned)) {
        if (source === target) {
          throw new Error(`${call.op}: ${call.kernel.shader.name} reads and writes ${target.name}`);
        }
        part(target, source);
        part(source, target);
      }
    }
  }
  return apart;
}

/** Bytes that a tensor takes in an arena; those of `half` are stored as f16. */
export function storedBytes(tensor: Tensor, half: ReadonlySet<Tensor>): number {
  return 4 * floatsOf(tensor, half);
}

/** The aligned length of a tensor, in floats. */
function floatsOf(tensor: Tensor, half: ReadonlySet<Tensor>): number {
  const floats = size(tensor.shape) / (half.has(tensor) ? 2 : 1);
  return Math.max(1, Math.ceil(floats / ALIGNMENT_FLOATS)) * ALIGNMENT_FLOATS;
}

/**
 * Takes a block in the arena that grows least, except `forbidden` ones; opens a new arena if none
 * is left.
 */
function allocate(arenas: Arena[], forbidden: ReadonlySet<number>, floats: number): Place {
  let best: { readonly index: number; readonly growth: number } | null = null;
  for (const [index, arena] of arenas.entries()) {
    if (forbidden.has(index)) continue;
    const growth =
      smallestFit(arena, floats) === null ? floats - (freeTail(arena)?.floats ?? 0) : 0;
    if (best === null || growth < best.growth) best = { index, growth };
  }
  if (best === null) {
    arenas.push({ free: [], floats });
    return { arena: arenas.length - 1, offset: 0 };
  }
  return { arena: best.index, offset: take(arenas[best.index], floats) };
}

/** Takes a free block of an arena, or lengthens the arena; returns the offset. */
function take(arena: Arena, floats: number): number {
  const block = smallestFit(arena, floats);
  if (block === null) {
    const tail = freeTail(arena);
    if (tail !== null) arena.free.pop();
    const offset = tail?.offset ?? arena.floats;
    arena.floats = offset + floats;
    return offset;
  }
  const { offset } = block;
  block.offset += floats;
  block.floats -= floats;
  if (block.floats === 0) arena.free.splice(arena.free.indexOf(block), 1);
  return offset;
}

/** The smallest free block that holds `floats`. */
function smallestFit({ free }: Arena, floats: number): Block | null {
  let best: Block | null = null;
  for (const block of free) {
    if (block.floats >= floats && (best === null || block.floats < best.floats)) best = block;
  }
  return best;
}

/** The free block at the very end of an arena, which can be lengthened. */
function freeTail({ free, floats }: Arena): Block | null {
  const last = free.at(-1);
  return last !== undefined && last.offset + last.floats === floats ? last : null;
}

/** Returns a block and joins it with free neighbours. */
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
