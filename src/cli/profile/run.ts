// What the commands of `ringdepth profile` share: the run, its folder, and the change that counts.
import type { Gpu } from "../../gpu/device.ts";
import type { Output } from "../terminal/output.ts";
import type { Surroundings } from "../terminal/surroundings.ts";

/** What a profile is given. */
export interface ProfileRun<Options> {
  readonly gpu: Gpu;
  readonly output: Output;
  readonly surroundings: Surroundings;
  readonly options: Options;
}

/** Folder of saved profiles where none is given. */
export const RUNS_FOLDER = "runs/profile";
/** Change that counts where two are timed interleaved and none is given. */
export const THRESHOLD = 0.03;
const SOFTWARE_THRESHOLD = 0.1;

/**
 * The change that counts between profiles taken apart: a software adapter shares its processor with
 * all else that runs.
 */
export function thresholdApart({ software }: { readonly software: boolean }): number {
  return software ? SOFTWARE_THRESHOLD : THRESHOLD;
}
