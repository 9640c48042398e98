// Which kind of profile a command line of `ringdepth profile` requests, and which options it
// allows.
import { InputError } from "../../tensor/error.ts";
import { dataOption } from "../../profile/kernel/data.ts";
import { commandLine } from "../terminal/profile_page.ts";
import { areFiles, FILE_OPTIONS } from "./file_options.ts";
import type { ProfileOptions } from "./request.ts";
import { type StepTarget, stepTarget } from "../../profile/step/target.ts";

type Option = keyof ProfileOptions;

const RESULT = ["json", "format", "output", "runs"] as const;
const PROBLEMS = ["cases", "case", "preset", "shape", "axis", "data", "seed"] as const;
const SAMPLES = ["time", "minSamples", "noise", "timeout"] as const;
const STEP = ["student", "data", "size", "seed", "config", "skipBadSamples"] as const;

/** A kind of profile. */
export type ProfileKind = "kernels" | "brief" | "ir" | "watch" | "sweep" | "ab" | "step" | "init";

/** The options that each kind of profile takes; any other one is refused. */
const TAKES: Readonly<Record<ProfileKind, readonly string[]>> = {
  kernels: [
    "cold",
    "hot",
    "robustness",
    "skipValidation",
    "ceilings",
    "save",
    "baseline",
    "threshold",
    "gate",
    "lenient",
    "explain",
    "html",
    ...PROBLEMS,
    ...SAMPLES,
    ...RESULT,
  ],
  brief: ["brief", "hot", ...PROBLEMS, ...SAMPLES, ...RESULT],
  ir: ["ir", "output", ...PROBLEMS],
  watch: ["watch", "hot", "threshold", ...PROBLEMS, ...SAMPLES],
  sweep: ["sweep", "apply", "threshold", ...PROBLEMS, ...SAMPLES, ...RESULT],
  ab: ["ab", "hot", "threshold", "gate", ...PROBLEMS, ...SAMPLES, ...RESULT],
  init: ["init"],
  step: ["steps", "trace", "html", "gate", "tune", ...STEP, ...RESULT],
};

/** The requested kind of profile, and the step if one is named. */
export interface ProfileMode {
  readonly kind: ProfileKind;
  readonly step: StepTarget | null;
  /** Whether the targets are files instead of kernels. */
  readonly files: boolean;
}

// Problems of a file come from its text and its settings.
const NOT_OF_FILES = ["cases", "case", "preset", "axis", "apply"] as const;

/** The options that are typed with `--no-`. */
const NEGATED: readonly Option[] = ["robustness", "tune", "ceilings", "races"];
const CHOOSERS = ["init", "ir", "watch", "sweep", "ab", "brief"] as const;

/** The mode of a command line; throws InputError naming options that cannot be combined. */
export function profileMode(targets: readonly string[], options: ProfileOptions): ProfileMode {
  const step = stepTarget(targets);
  if (step !== null && options.sweep !== undefined)
    throw new InputError(tuneInstead(step, options));
  const kind = kindOf(step, options);
  const files = areFiles(kind === "ab" ? (options.ab ?? []) : targets);
  const ofFiles = files ? [...FILE_OPTIONS, "shape"] : [];
  const taken = [...TAKES[kind], ...ofFiles, "adapter", "memoryBudget"].filter(
    (name) => !files || !NOT_OF_FILES.some((other) => other === name),
  );
  // Options of NEGATED are true by default.
  const given = (Object.keys(options) as Option[]).filter(
    (name) => options[name] !== undefined && !(NEGATED.includes(name) && options[name] === true),
  );
  const stray = given.find((name) => !taken.includes(name));
  if (stray !== undefined) throw new InputError(refusal(stray, kind, step, files));
  const mode = { kind, step, files };
  refuseContradictions(mode, options);
  if (kind === "ab" && targets.length > 0) {
    throw new InputError("give kernels or --ab, not both");
  }
  if (step === null && options.data !== undefined) dataOption(options.data);
  return mode;
}

function kindOf(step: StepTarget | null, options: ProfileOptions): ProfileKind {
  if (step !== null) return "step";
  return CHOOSERS.find((name) => options[name] !== undefined) ?? "kernels";
}

/** The command line that tunes a step, with the options that both commands share. */
function tuneInstead(step: StepTarget, { student, data, size, config }: ProfileOptions): string {
  const given = {
    student,
    data,
    size: size === undefined ? undefined : `${size.height}x${size.width}`,
    config,
  };
  const typed = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
  return `${step} cannot be swept here; use: ${commandLine(["tune", ...typed])}`;
}

function refusal(
  stray: Option,
  kind: ProfileKind,
  step: StepTarget | null,
  files: boolean,
): string {
  const name = optionText(stray);
  if (!files && FILE_OPTIONS.some((one) => one === stray)) {
    return `${name} applies to a file: ringdepth profile FILE.wgsl ${name}`;
  }
  if (files && NOT_OF_FILES.some((one) => one === stray)) {
    return `${name} applies to kernels of ringdepth, not to a file`;
  }
  if (stray === "apply") return "--apply saves the winners of a sweep: give --sweep too";
  if (step !== null) return `${name} applies to kernels, not to ${step}`;
  if (kind === "kernels") return `${name} applies to a step: ringdepth profile step:train ${name}`;
  return `${name} cannot be combined with --${kind}`;
}

function refuseContradictions(
  { kind, step }: ProfileMode,
  { cases, preset, gate, lenient, baseline, json, format, cold, hot }: ProfileOptions,
): void {
  if (json === true && format !== undefined && format !== "json") {
    throw new InputError(`--json and --format ${format} contradict each other`);
  }
  if (cold === true && hot === true) {
    throw new InputError("--cold and --hot together are the default: leave both out");
  }
  if (cases !== undefined && preset !== undefined) {
    throw new InputError("give --cases or --preset, not both");
  }
  if (lenient === true && gate !== true) throw new InputError("--lenient needs --gate");
  if (gate === true && kind === "kernels" && step === null && baseline === undefined) {
    throw new InputError("--gate judges a comparison: it needs --baseline or --ab");
  }
}

/** An option as it is typed. */
function optionText(name: Option): string {
  if (NEGATED.includes(name)) return `--no-${name}`;
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
