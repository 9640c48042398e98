// The moments of a step: how many it takes, and how the inputs of its passes are called.
import type { TrainConfig } from "../config.ts";

/** The keys that say how many moments a step takes. */
export type StepMoments = Pick<TrainConfig, "rigs_per_step" | "accumulate">;

/** Moments per step of one process: those of a pass times the passes. */
export function momentsPerStep({ rigs_per_step, accumulate }: StepMoments): number {
  return rigs_per_step * accumulate;
}

/** Moments per step of all processes together. */
export function momentsOfJob(config: StepMoments & Pick<TrainConfig, "ranks">): number {
  return momentsPerStep(config) * (config.ranks ?? 1);
}

/** A process among those that train together. */
export interface RankPlace {
  readonly rank: number;
  readonly ranks: number;
}

/**
 * The number over all processes of a moment that one of them counts for itself: a pass takes the rigs
 * of rank 0, then those of rank 1 and so on, as one process with all of them would.
 */
export function momentOfJob(moment: number, rigs: number, { rank, ranks }: RankPlace): number {
  const pass = Math.floor(moment / rigs);
  return (pass * ranks + rank) * rigs + (moment % rigs);
}

/** The name of an input of a pass, counted from 0; those of the first keep theirs. */
export function passInput(name: string, pass: number): string {
  return pass === 0 ? name : `${name} of pass ${pass + 1}`;
}
