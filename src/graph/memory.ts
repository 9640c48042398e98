// Memory by liveness: places all intermediate tensors in a few shared arenas and reuses the space
// of dead ones. WebGPU refuses a buffer that is both read and written in one dispatch, even on
// disjoint ranges, so tensors that are used that way in any call go to different arenas.
import { size } from "../tensor/shape.ts";
import { ALIGNMENT_FLOATS } from "./layout.ts";
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

/** A tensor with the calls between which it lives, first and last included. */
interface Life {
  readonly root: Tensor;
  readonly first: number;
  last: number;
  readonly floats: number;
}

/** A tensor in its place. */
interface Placed extends Life {
  readonly offset: number;
}

/** An arena under planning: its tensors in order of offset, and its length so far. */
interface Arena {
  readonly placed: Placed[];
  floats: number;
}

/**
 * Plans the arenas. `isPlanned` says which root tensors are intermediates (the others have fixed
 * homes); tensors of `kept` live to the end of the step; those of `half` are stored as f16. The
 * largest tensor is placed first, in the lowest gap between those that live at the same time:
 * small tensors fit into the gaps that large ones leave. Throws if a call reads a tensor that no
 * earlier call wrote, or reads and writes one tensor.
 */
export function planMemory(
  calls: readonly Call[],
  rootOf: (tensor: Tensor) => Tensor,
  isPlanned: (root: Tensor) => boolean,
  kept: ReadonlySet<Tensor>,
  half: ReadonlySet<Tensor> = new Set(),
): MemoryPlan {
  const lives = lifetimes(calls, rootOf, isPlanned, kept, half);
  const apart = tensorsApart(calls, rootOf, isPlanned);
  const places = new Map<Tensor, Place>();
  const arenas: Arena[] = [];
  for (const life of lives.toSorted((a, b) => b.floats - a.floats || a.first - b.first)) {
    const forbidden = new Set<number>();
    for (const other of apart.get(life.root) ?? []) {
      const place = places.get(other);
      if (place !== undefined) forbidden.add(place.arena);
    }
    places.set(life.root, allocate(arenas, forbidden, life));
  }
  return { places, arenas: arenas.map(({ floats }) => floats), live: liveFloats(lives, calls) };
}

/** The lifetime of each planned tensor, in the order in which they are made. */
function lifetimes(
  calls: readonly Call[],
  rootOf: (tensor: Tensor) => Tensor,
  isPlanned: (root: Tensor) => boolean,
  kept: ReadonlySet<Tensor>,
  half: ReadonlySet<Tensor>,
): Life[] {
  const lives = new Map<Tensor, Life>();
  calls.forEach((call, step) => {
    const { read, written } = touched(call, rootOf);
    for (const root of read) {
      if (isPlanned(root) && !lives.has(root)) {
        throw new Error(`${call.op}: ${root.name} is read before it is computed`);
      }
    }
    for (const root of [...read, ...written].filter(isPlanned)) {
      const last = kept.has(root) ? calls.length - 1 : step;
      const life = lives.get(root);
      if (life === undefined) {
        lives.set(root, { root, first: step, last, floats: floatsOf(root, half) });
      } else {
        life.last = last;
      }
    }
  });
  return [...lives.values()];
}

/** The floats that live during each call. */
function liveFloats(lives: readonly Life[], calls: readonly Call[]): number[] {
  const change = new Float64Array(calls.length + 1);
  for (const { first, last, floats } of lives) {
    change[first] += floats;
    change[last + 1] -= floats;
  }
  let sum = 0;
  return calls.map((_, step) => (sum += change[step]));
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
 * Places a tensor in the arena that grows least, except `forbidden` ones; opens a new arena if none
 * is left.
 */
function allocate(arenas: Arena[], forbidden: ReadonlySet<number>, life: Life): Place {
  let best: { readonly index: number; readonly offset: number; readonly growth: number } | null =
    null;
  for (const [index, arena] of arenas.entries()) {
    if (forbidden.has(index)) continue;
    const offset = lowestGap(arena, life);
    const growth = Math.max(0, offset + life.floats - arena.floats);
    if (best === null || growth < best.growth) best = { index, offset, growth };
    if (growth === 0) break;
  }
  best ??= { index: arenas.push({ placed: [], floats: 0 }) - 1, offset: 0, growth: life.floats };
  const { index, offset } = best;
  const { placed } = arenas[index];
  const behind = placed.findIndex((other) => other.offset > offset);
  placed.splice(behind < 0 ? placed.length : behind, 0, { ...life, offset });
  arenas[index].floats += best.growth;
  return { arena: index, offset };
}

/** The lowest offset at which a tensor fits between those that live at the same time. */
function lowestGap({ placed }: Arena, { first, last, floats }: Life): number {
  let end = 0;
  for (const other of placed) {
    if (other.last < first || other.first > last) continue;
    if (other.offset - end >= floats) return end;
    end = Math.max(end, other.offset + other.floats);
  }
  return end;
}
