// Shared by the commands of `ringdepth profile`: the run, its folder, and the smallest change that
// counts.
import type { Gpu } from "../../gpu/device.ts";
import type { Output, Surroundings } from "../terminal/surroundings.ts";

/** The inputs of a profile. */
export interface ProfileRun<Options> {
  readonly gpu: Gpu;
  readonly output: Output;
  readonly surroundings: Surroundings;
  readonly options: Options;
}

/** Default folder of saved profiles. */
export const RUNS_FOLDER = "runs/profile";
/** Default of the smallest change that counts between kernels timed interleaved. */
export const THRESHOLD = 0.03;
const SOFTWARE_THRESHOLD = 0.1;

/**
 * The smallest change that counts between profiles taken at different times; larger for a software
 * adapter, which shares its processor with other programs.
 */
export function thresholdApart({ software }: { readonly software: boolean }): number {
  return software ? SOFTWARE_THRESHOLD : THRESHOLD;
}
