// Recomputation: cheap results that only the backward pass still reads are not kept for it. The
// dispatch that made such a result is repeated just before its first late reader, and the late
// readers read the copy. The same dispatch on the same numbers gives the same bits.
import { planMemory, storedBytes } from "./memory.ts";
import type { Program } from "./lower.ts";
import { cheapResults, repeatedSteps, type CallTable, type Step } from "./repeats.ts";
import type { Storage } from "./storage.ts";
import type { Call, Repeat, Tensor } from "./value.ts";

// A smaller result is not worth a dispatch, as a share of the most that is live.
const LEAST_SHARE = 1 / 512;
// Choices for which the arenas are planned, at most.
const TRIES = 4;

/** By root, the call after which its readers read a copy. */
type Cuts = ReadonlyMap<number, number>;

/**
 * The program with those dispatches repeated that lower the memory of its intermediates; without
 * repetitions where they would not. `storageOf` tells the storage of a program's tensors.
 */
export function withRepeats(program: Program, storageOf: (program: Program) => Storage): Program {
  const bytesOf = (one: Program): number => {
    const { isPlanned, kept, half } = storageOf(one);
    const { arenas } = planMemory(one.calls, one.rootOf, isPlanned, kept, half);
    return arenas.reduce((sum, floats) => sum + 4 * floats, 0);
  };
  const arena_bytes_kept = bytesOf(program);
  const { isPlanned, kept, half } = storageOf(program);
  const table = cheapResults(program, isPlanned, kept);
  const bytes = table.roots.map((root) => (isPlanned(root) ? storedBytes(root, half) : 0));
  const tried = (cuts: Cuts): Tried => {
    const made = repeated(program, table, cuts, bytes);
    return { ...made, cuts, arena_bytes: bytesOf(made.program) };
  };
  const none: Tried = { program, repeats: [], cuts: new Map(), arena_bytes: arena_bytes_kept };
  let best = none;
  for (const cuts of cutsToTry(table, bytes)) {
    best = tried(cuts);
    if (best.arena_bytes < arena_bytes_kept) break;
    best = none;
  }
  const fewer = tried(needed(table, bytes, best.cuts));
  const { program: made, repeats } = fewer.arena_bytes <= best.arena_bytes ? fewer : best;
  return { ...made, recomputation: { repeats, arena_bytes_kept } };
}

/** A choice of repetitions and the memory that its arenas take. */
interface Tried {
  readonly program: Program;
  readonly repeats: readonly Repeat[];
  readonly cuts: Cuts;
  readonly arena_bytes: number;
}

/** Bytes that are live during each step, the step at which they are most, and all lifetimes. */
interface Profile {
  readonly steps: readonly Step[];
  readonly live: readonly number[];
  readonly peak: number;
  /** First and last step of each root and each copy; -1 where there is none. */
  readonly first: Int32Array;
  readonly last: Int32Array;
}

/**
 * Choices of results that are computed again, each with the call after which its readers read the
 * copy. Greedy: where most is live, the largest result that is only waiting there is let go, as long
 * as nothing gets larger than the peak. The arenas need not shrink with the peak, so there are some
 * choices along the way, that with the most repetitions first.
 */
function cutsToTry(table: CallTable, bytes: readonly number[]): Cuts[] {
  let cuts: Cuts = new Map();
  let profile = profileOf(table, bytes, cuts);
  const least = Math.max(...profile.live, 0) * LEAST_SHARE;
  const cheap = [...table.makers.keys()]
    .filter((root) => bytes[root] >= least)
    .toSorted((a, b) => bytes[b] - bytes[a]);
  const way: Cuts[] = [];
  for (;;) {
    const next = nextCut(table, bytes, cuts, profile, cheap);
    if (next === null) break;
    [cuts, profile] = next;
    way.push(cuts);
  }
  const every = Math.ceil(way.length / TRIES);
  return way.filter((_, i) => (way.length - 1 - i) % every === 0).toReversed();
}

/** A choice without the results that could as well be kept: the peak is the same. */
function needed(table: CallTable, bytes: readonly number[], cuts: Cuts): Cuts {
  const { live, peak } = profileOf(table, bytes, cuts);
  let least = cuts;
  for (const root of [...cuts.keys()].toSorted((a, b) => bytes[a] - bytes[b])) {
    const fewer = new Map(least);
    fewer.delete(root);
    const without = profileOf(table, bytes, fewer);
    if (without.live[without.peak] <= live[peak]) least = fewer;
  }
  return least;
}

/** The first of the `cheap` results whose repetition relieves the peak; null if none does. */
function nextCut(
  table: CallTable,
  bytes: readonly number[],
  cuts: Cuts,
  { steps, live, peak, first, last }: Profile,
  cheap: readonly number[],
): [cuts: Cuts, profile: Profile] | null {
  if (steps.length === 0) return null;
  const { call, before, touched } = steps[peak];
  for (const root of cheap) {
    const isWaiting = first[root] < peak && peak < last[root] && !touched.includes(root);
    if (cuts.has(root) || !isWaiting) continue;
    const more = new Map([...cuts, [root, before]]);
    const next = profileOf(table, bytes, more);
    const place = next.steps.findIndex((step) => step.call === call && step.before === before);
    const isRelieved = next.live[place] < live[peak] && next.live[next.peak] <= live[peak];
    if (isRelieved) return [more, next];
  }
  return null;
}

/** Profile of a table with these results computed again. */
function profileOf(table: CallTable, bytes: readonly number[], cuts: Cuts): Profile {
  const steps = repeatedSteps(table, cuts);
  const count = table.roots.length;
  const first = new Int32Array(2 * count).fill(-1);
  const last = new Int32Array(2 * count).fill(-1);
  steps.forEach(({ touched }, step) => {
    for (const id of touched) {
      if (first[id] < 0) first[id] = step;
      last[id] = table.kept.has(id) ? steps.length - 1 : step;
    }
  });
  const change = new Float64Array(steps.length + 1);
  first.forEach((step, id) => {
    if (step < 0) return;
    change[step] += bytes[id % count];
    change[last[id] + 1] -= bytes[id % count];
  });
  let sum = 0;
  const live = steps.map((_, step) => (sum += change[step]));
  const peak = live.reduce((most, one, step) => (one > live[most] ? step : most), 0);
  return { steps, live, peak, first, last };
}

/** The program with the repetitions in it. */
function repeated(
  program: Program,
  table: CallTable,
  cuts: Cuts,
  bytes: readonly number[],
): { readonly program: Program; readonly repeats: readonly Repeat[] } {
  const { calls, rootOf } = program;
  const count = table.roots.length;
  const copies = new Map<Tensor, Tensor>();
  const copyOf = new Map<Tensor, Tensor>();
  for (const id of cuts.keys()) {
    const root = table.roots[id];
    const copy: Tensor = { name: `${root.name} again`, shape: root.shape, value: null };
    copies.set(copy, root);
    copyOf.set(root, copy);
  }
  const views = new Map<Tensor, Tensor>();
  const roots = new Map<Tensor, Tensor>();
  const viewOf = (tensor: Tensor): Tensor => {
    const copy = copyOf.get(rootOf(tensor))!;
    if (rootOf(tensor) === tensor) return copy;
    let view = views.get(tensor);
    if (view === undefined) {
      view = { name: copy.name, shape: tensor.shape, value: null };
      views.set(tensor, view);
      roots.set(view, copy);
    }
    return view;
  };
  const repeats: Repeat[] = [];
  const made = table.indices;
  const all = repeatedSteps(table, cuts).map(({ call, before, touched }): Call => {
    const copied = new Set(touched.filter((id) => id >= count).map((id) => id - count));
    const one = calls[call];
    if (call !== before) {
      const root = table.writes[call][0];
      const { op, kernel } = one;
      const [at, freed_bytes] = [table.roots[root].name, bytes[root]];
      repeats.push({ op, kernel: kernel.shader.name, at, freed_bytes });
    }
    if (copied.size === 0) return one;
    const bindings = Object.entries(one.bindings).map(([name, tensor]): [string, Tensor] => [
      name,
      copied.has(made.get(rootOf(tensor))!) ? viewOf(tensor) : tensor,
    ]);
    return { ...one, bindings: Object.fromEntries(bindings) };
  });
  const rootOfAll = (tensor: Tensor): Tensor => roots.get(tensor) ?? rootOf(tensor);
  return { program: { ...program, calls: all, rootOf: rootOfAll, copies }, repeats };
}
