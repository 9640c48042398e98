// Options of `ringdepth profile step:...`, and which of all options say nothing of a step or of kernels.
import type { Command } from "commander";
import type { ImageSize } from "../data/camera.ts";
import type { StudentName } from "../student/student.ts";
import { InputError } from "../tensor/error.ts";
import { imageSize, studentName, wholeNumber } from "./options.ts";
import type { ProfileOptions } from "./profile.ts";
import { dataOption } from "./profile_data.ts";
import { tuneOption } from "./tuning_cache.ts";

const TARGETS = ["step:train", "step:predict"] as const;

/** A step that can be profiled. */
export type StepTarget = (typeof TARGETS)[number];

/** Options of the profile of a step alone. */
export interface StepOptions {
  readonly student?: StudentName;
  readonly size?: ImageSize;
  readonly config?: string;
  readonly steps?: number;
  readonly skipBadSamples?: boolean;
  readonly trace?: string;
  /** False where measured choices are not wanted. */
  readonly tune?: boolean;
}

const OF_STEPS = ["student", "size", "config", "steps", "skipBadSamples", "trace"] as const;
const OF_KERNELS = [
  "cases",
  "case",
  "preset",
  "shape",
  "axis",
  "cold",
  "hot",
  "time",
  "minSamples",
  "noise",
  "timeout",
  "sweep",
  "apply",
  "watch",
  "skipValidation",
  "ir",
  "ab",
  "save",
  "baseline",
  "threshold",
  "lenient",
  "explain",
] as const;

/** Adds the options. */
export function stepOptions(command: Command): Command {
  command
    .optionsGroup("Steps:")
    .option("--student <name>", "nano or resnet18 (default: nano)", studentName)
    .option("--size <HxW>", "image size, multiples of 32 (default: 96x160)", imageSize)
    .option("--config <file>", "YAML configuration, as ringdepth train takes it")
    .option("--steps <n>", "how many to measure (default: some 8 s)", wholeNumber("--steps", 3))
    .option("--skip-bad-samples", "leave samples with broken files out")
    .option("--trace <file>", "write a trace for ui.perfetto.dev too");
  return tuneOption(command);
}

/** The step that is asked for, null where kernels are; throws InputError for both, and for others. */
export function stepTarget(targets: readonly string[]): StepTarget | null {
  const step = targets.find((target) => target.startsWith("step:"));
  if (step === undefined) return null;
  const known = TARGETS.find((name) => name === step);
  if (known === undefined) throw new InputError(`${step}: expected ${TARGETS.join(" or ")}`);
  if (targets.length > 1) {
    throw new InputError(`${step} is profiled by itself, without other targets`);
  }
  return known;
}

/** Throws InputError for an option that says nothing of what is profiled. */
export function refuseStrays(options: ProfileOptions, step: StepTarget | null): void {
  const stray = (step === null ? OF_STEPS : OF_KERNELS).find((name) => options[name] !== undefined);
  if (step === null) {
    if (options.data !== undefined) dataOption(options.data);
    const option = options.tune === false ? "--no-tune" : stray && optionText(stray);
    if (option === undefined) return;
    throw new InputError(`${option} is of a step: ringdepth profile step:train ${option}`);
  }
  const option = options.robustness === false ? "--no-robustness" : stray && optionText(stray);
  if (option !== undefined) throw new InputError(`${option} is of kernels, not of ${step}`);
}

/** `minSamples` as it is typed. */
function optionText(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
