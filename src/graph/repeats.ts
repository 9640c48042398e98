// A program as numbers, so that many choices of repetitions can be tried: which results a single
// cheap dispatch makes, and the order of the dispatches once some of them are made twice.
import type { Program } from "./lower.ts";
import type { Call, Tensor } from "./value.ts";

/**
 * Kernels, by the base of the mapping, whose time is that of reading and writing memory once. Each
 * writes one tensor.
 */
const CHEAP: ReadonlySet<string> = new Set([
  "activation",
  "binary",
  "concat",
  "norm_apply",
  "norm_fused_apply",
  "pad",
  "pool_average",
  "pool_max",
  "resize_bilinear",
  "resize_nearest",
  "strided_read",
  "unary",
]);

/** The calls of a program by the numbers of the root tensors that they touch. */
export interface CallTable {
  readonly roots: readonly Tensor[];
  readonly indices: ReadonlyMap<Tensor, number>;
  readonly reads: readonly (readonly number[])[];
  readonly writes: readonly (readonly number[])[];
  /** The call that makes each result that may be computed again. */
  readonly makers: ReadonlyMap<number, number>;
  /** Roots that live to the end of the step. */
  readonly kept: ReadonlySet<number>;
  /** The first call that touches an arena over all parameters: nothing is repeated from there on. */
  readonly end: number;
}

/** One dispatch: `call` itself where `before` is the same, otherwise its repetition before another. */
export interface Step {
  readonly call: number;
  readonly before: number;
  /** Roots by number; a copy has the number of its root plus the count of all roots. */
  readonly touched: readonly number[];
}

/**
 * The table of a program. A result may be computed again if one cheap call alone writes it and if
 * nothing changes what that call reads.
 */
export function cheapResults(
  { calls, rootOf }: Program,
  isPlanned: (root: Tensor) => boolean,
  keptRoots: ReadonlySet<Tensor>,
): CallTable {
  const roots: Tensor[] = [];
  const indices = new Map<Tensor, number>();
  const indexOf = (tensor: Tensor): number => {
    const root = rootOf(tensor);
    let index = indices.get(root);
    if (index === undefined) {
      index = roots.push(root) - 1;
      indices.set(root, index);
    }
    return index;
  };
  const touchedBy = ({ kernel, bindings }: Call, isRead: boolean): number[] => {
    const own = kernel.shader.bindings.filter(({ access }) => (access === "read") === isRead);
    return [...new Set(own.map(({ name }) => indexOf(bindings[name])))];
  };
  const reads = calls.map((call) => touchedBy(call, true));
  const writes = calls.map((call) => touchedBy(call, false));
  const writers = new Int32Array(roots.length);
  for (const own of writes) for (const root of own) writers[root]++;
  const isFixed = (root: number): boolean =>
    writers[root] <= (isPlanned(roots[root]) ? 1 : 0) && !isArena(roots[root]);
  const makers = new Map<number, number>();
  calls.forEach((call, i) => {
    if (writes[i].length !== 1 || !isCheap(call)) return;
    const [root] = writes[i];
    const isFree = isPlanned(roots[root]) && !keptRoots.has(roots[root]) && writers[root] === 1;
    if (isFree && reads[i].every(isFixed)) makers.set(root, i);
  });
  const kept = new Set(roots.flatMap((root, i) => (keptRoots.has(root) ? [i] : [])));
  const first = calls.findIndex(({ bindings }) => Object.values(bindings).some(isArena));
  return { roots, indices, reads, writes, makers, kept, end: first < 0 ? calls.length : first };
}

function isCheap({ base, kernel, merge }: Call): boolean {
  const changed = kernel.shader.bindings.filter(({ access }) => access !== "read");
  const isOneResult = changed.length === 1 && changed[0].access === "write";
  return isOneResult && merge === undefined && CHEAP.has(base.shader.name);
}

function isArena({ value }: Tensor): boolean {
  return value?.source.kind === "arena";
}

/**
 * The dispatches in order. `cuts` holds, by root, the call after which its readers read a copy: the
 * copy is made just before the first of them, from copies where these are what is left.
 */
export function repeatedSteps(table: CallTable, cuts: ReadonlyMap<number, number>): Step[] {
  const { reads, writes, makers, end } = table;
  const count = table.roots.length;
  const steps: Step[] = [];
  const copied = new Set<number>();
  const dispatch = (call: number, before: number): void => {
    const touched = reads[call].map((root) => available(root, before));
    for (const root of writes[call]) touched.push(call === before ? root : root + count);
    steps.push({ call, before, touched });
  };
  const available = (root: number, before: number): number => {
    const cut = cuts.get(root);
    if (cut === undefined || before <= cut || before >= end) return root;
    if (!copied.has(root)) {
      copied.add(root);
      dispatch(makers.get(root)!, before);
    }
    return root + count;
  };
  for (let call = 0; call < reads.length; call++) dispatch(call, call);
  return steps;
}
