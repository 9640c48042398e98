// Numbers that the processes of a job bring together in the middle of a step: the gradients and, so
// that a batch over all processes has one mean and one variance, the statistics of batch norm.
import type { GpuStore } from "./store.ts";
import { isGradientArena } from "./request.ts";
import type { Call, Merge, Tensor } from "./value.ts";

/** How the numbers of all processes reach each of them; every process calls in the same order. */
export interface Exchange {
  /** Processes that train together. */
  readonly ranks: number;
  /** Called before a step with its inputs and its scalars. */
  readonly begin: (
    inputs: Readonly<Record<string, ArrayLike<number>>>,
    scalars: Readonly<Record<string, number>>,
  ) => Promise<void>;
  /** The mean over all processes, added in the order of their ranks: for long lists. */
  readonly mean: (values: Float32Array) => Promise<Float32Array>;
  /** The lists of all processes in the order of their ranks: for short ones. */
  readonly gather: (values: Float32Array) => Promise<readonly Float32Array[]>;
}

/** A pause of a step: after `calls` of its calls, these numbers meet those of the other processes. */
export interface Meeting<Place> {
  readonly calls: number;
  readonly kind: Merge["kind"] | "gradients";
  readonly places: readonly Place[];
}

/**
 * The pauses of a step in order: the statistics of each batch norm, and the gradients together with
 * those outputs that are computed before them, ahead of the first call that reads all gradients.
 */
export function meetings<Place>(
  calls: readonly Call[],
  outputs: readonly Tensor[],
  homeOf: (tensor: Tensor) => Place,
  gradients: Place,
): Meeting<Place>[] {
  const isLast = ({ bindings }: Call): boolean =>
    Object.values(bindings).some(({ value }) => isGradientArena(value));
  const first = calls.findIndex(isLast);
  const end = first < 0 ? calls.length : first;
  const found: Meeting<Place>[] = [];
  calls.forEach(({ merge }, i) => {
    if (merge === undefined) return;
    found.push({ calls: i + 1, kind: merge.kind, places: merge.tensors.map(homeOf) });
  });
  const late = new Set(calls.slice(end).flatMap(({ bindings }) => Object.values(bindings)));
  const early = outputs.filter((tensor) => !late.has(tensor));
  found.push({ calls: end, kind: "gradients", places: [gradients, ...early.map(homeOf)] });
  return found;
}

/** The numbers of a meeting after it, from those of this process. */
export async function met(
  kind: Meeting<unknown>["kind"],
  own: Float32Array,
  { mean, gather }: Pick<Exchange, "mean" | "gather">,
): Promise<Float32Array> {
  if (kind === "gradients") return await mean(own);
  const lists = await gather(own);
  return kind === "mean" ? meanOf(lists) : mergedMoments(lists);
}

/** The mean of equally long lists, each sum in f64 and in the order of the lists. */
export function meanOf(lists: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(lists[0].length);
  for (let i = 0; i < mean.length; i++) {
    let sum = 0;
    for (const list of lists) sum += list[i];
    mean[i] = sum / lists.length;
  }
  return mean;
}

/**
 * Mean and variance of all numbers from those of equally large parts: the mean of the means, and
 * the mean of the variances plus the variance of the means (Chan, Golub and LeVeque 1983, eq. 2.1).
 * Each list is all means, then all variances.
 */
export function mergedMoments(lists: readonly Float32Array[]): Float32Array {
  const count = lists[0].length / 2;
  const merged = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    let mean = 0;
    for (const list of lists) mean += list[i];
    mean /= lists.length;
    let variance = 0;
    for (const list of lists) variance += list[count + i] + (list[i] - mean) ** 2;
    merged[i] = mean;
    merged[count + i] = variance / lists.length;
  }
  return merged;
}

/** The whole gradient arena of a store. */
export function gradientRange({ arenas, layout }: GpuStore): {
  readonly buffer: GpuStore["arenas"]["gradients"]["buffer"];
  readonly offset_bytes: number;
  readonly size_bytes: number;
} {
  const { buffer } = arenas.gradients;
  return { buffer, offset_bytes: 0, size_bytes: 4 * layout.floats };
}
