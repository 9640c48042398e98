// Shared by the commands of `ringdepth profile`.
import type { Gpu } from "../../gpu/device.ts";
import type { Output, Surroundings } from "../terminal/surroundings.ts";

/** The inputs of a profile. */
export interface ProfileRun<Options> {
  readonly gpu: Gpu;
  readonly output: Output;
  readonly surroundings: Surroundings;
  readonly options: Options;
}
