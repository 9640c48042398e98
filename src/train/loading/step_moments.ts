// The moments of a step: how many it takes, and how the inputs of its passes are called.
import type { TrainConfig } from "../config.ts";

/** The keys that say how many moments a step takes. */
export type StepMoments = Pick<TrainConfig, "rigs_per_step" | "accumulate">;

/** Moments per step: those of a pass times the passes. */
export function momentsPerStep({ rigs_per_step, accumulate }: StepMoments): number {
  return rigs_per_step * accumulate;
}

/** The name of an input of a pass, counted from 0; those of the first keep theirs. */
export function passInput(name: string, pass: number): string {
  return pass === 0 ? name : `${name} of pass ${pass + 1}`;
}
