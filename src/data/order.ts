// The sample of each training step: every epoch a new permutation, all of it computed from the
// step. Where only some moments have LiDAR, these and the others are two sets, each with epochs of
// its own, and the steps alternate between the sets in a fixed ratio.
import { hashText, permutation } from "../tensor/random.ts";

const KEY = hashText("sample order");
// A product of a share and a step may exceed its whole number by rounding.
const ROUNDING = 1e-9;

/** The epoch of a step and the order of that epoch's samples, with the step's place in it. */
export interface Place {
  readonly epoch: number;
  /** Indices of the samples in the order of this epoch. */
  readonly order: readonly number[];
  /** Index into `order`. */
  readonly position: number;
}

/** The moments that have LiDAR, and the share of the steps that train on one. */
export interface Labels {
  /** Indices, ascending. */
  readonly labelled: readonly number[];
  /** Above 0 and at most 1. */
  readonly steps: number;
}

/** Position of step `step` (from 0) of a run with this seed in a set of `count` samples. */
export function placeOf(step: number, count: number, seed: number, labels?: Labels): Place {
  const sets = setsBefore(step, count, labels);
  const [{ members, taken }] = isLabelledStep(step, count, labels) ? sets : sets.toReversed();
  const epoch = Math.floor(taken / members.length);
  return { epoch, order: epochOrder(members, seed, epoch), position: taken % members.length };
}

/** Whether a step trains on a moment with LiDAR. */
export function isLabelledStep(step: number, count: number, labels?: Labels): boolean {
  if (labels === undefined || labels.labelled.length === count) return true;
  return labelledBefore(step + 1, labels) > labelledBefore(step, labels);
}

/** Indices of the samples that the first `steps` steps train on. */
export function indicesBefore(
  steps: number,
  count: number,
  seed: number,
  labels?: Labels,
): Set<number> {
  const seen = setsBefore(steps, count, labels).map(({ members, taken }) =>
    epochOrder(members, seed, 0).slice(0, taken),
  );
  return new Set(seen.flat());
}

/** Each set and how many steps before `step` took a sample of it: first the one with LiDAR. */
function setsBefore(
  step: number,
  count: number,
  labels?: Labels,
): { members: readonly number[]; taken: number }[] {
  const all = Array.from({ length: count }, (_, index) => index);
  if (labels === undefined || labels.labelled.length === count) {
    return [{ members: all, taken: step }];
  }
  const isLabelled = new Set(labels.labelled);
  const taken = labelledBefore(step, labels);
  return [
    { members: labels.labelled, taken },
    { members: all.filter((index) => !isLabelled.has(index)), taken: step - taken },
  ];
}

/** How many of the first `steps` steps train on a moment with LiDAR: spread evenly, step 0 first. */
function labelledBefore(steps: number, { steps: share }: Labels): number {
  return Math.max(0, Math.ceil(steps * share - ROUNDING));
}

function epochOrder(members: readonly number[], seed: number, epoch: number): number[] {
  return permutation(members.length, KEY, seed, epoch).map((place) => members[place]);
}
