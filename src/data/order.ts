// The sample of each training step: a new permutation in every epoch, computed from the step alone.
import { hashText, permutation } from "../tensor/random.ts";

const KEY = hashText("sample order");

/** The epoch of a step and the order of that epoch's samples, with the step's place in it. */
export interface Place {
  readonly epoch: number;
  /** Indices of the samples in the order of this epoch. */
  readonly order: readonly number[];
  /** Index into `order`. */
  readonly position: number;
}

/** Position of step `step` (from 0) of a run with this seed in a set of `count` samples. */
export function placeOf(step: number, count: number, seed: number): Place {
  const epoch = Math.floor(step / count);
  return { epoch, order: permutation(count, KEY, seed, epoch), position: step % count };
}
