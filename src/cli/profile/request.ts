// What a command line of `ringdepth profile` asks for, once its options are read.
import type { ImageSize } from "../../data/camera.ts";
import type { MeasureSettings } from "../../measure/measure.ts";
import type { IrForm } from "../../profile/kernel/compiler_text.ts";
import type { ProblemChoice } from "../../profile/kernel/targets.ts";
import type { StudentName } from "../../student/student.ts";
import type { ResultOptions } from "../terminal/options.ts";
import type { FileOptions } from "./file_options.ts";
import type { GateOptions } from "../terminal/gate.ts";

/** Which step is profiled, and how. */
interface StepOptions {
  readonly student?: StudentName;
  readonly size?: ImageSize;
  readonly config?: string;
  readonly steps?: number;
  readonly skipBadSamples?: boolean;
  readonly trace?: string;
  /** False to choose kernels by rule and ignore measured choices. */
  readonly tune?: boolean;
}

/** Options of the command; `data` and `seed` apply to the problems of kernels, or to a step. */
export interface ProfileOptions
  extends ResultOptions, ProblemChoice, GateOptions, StepOptions, FileOptions {
  /** Each problem with the mapping that this adapter runs, warm and without ceilings. */
  readonly brief?: boolean;
  readonly cold?: boolean;
  readonly hot?: boolean;
  readonly time?: number;
  readonly minSamples?: number;
  readonly noise?: number;
  readonly timeout?: number;
  readonly ab?: readonly string[];
  readonly watch?: boolean;
  readonly html?: string;
  /** True without values. */
  readonly sweep?: true | readonly string[];
  readonly apply?: boolean;
  readonly save?: string;
  readonly baseline?: string;
  readonly threshold?: number;
  readonly explain?: boolean;
  /** False if the cost of bounds checks was requested. */
  readonly robustness?: boolean;
  readonly skipValidation?: boolean;
  /** False to measure no ceilings: without earlier ones there is no bound. */
  readonly ceilings?: boolean;
  readonly ir?: IrForm;
}

/** How long each row is measured; with at least `samples` samples by default. */
export function settingsOf(options: ProfileOptions, samples: number): MeasureSettings {
  const { time = 0.5, minSamples = samples, noise = 0.01, timeout = 15 } = options;
  return { time_s: Math.min(time, timeout), min_samples: minSamples, noise, timeout_s: timeout };
}
