// The settings of a training run, from the configuration file, the command line and, for a resumed
// run, its own config.yaml.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readBytes } from "../../formats/atomic_file.ts";
import { LIMITS } from "../../formats/limits.ts";
import { readTuning } from "../../tune/tuning_file.ts";
import type { EarlierAblation } from "../../report/report_data.ts";
import { InputError } from "../../tensor/error.ts";
import { resolveConfig, type TrainConfig } from "../../train/config.ts";
import { parseConfigFile } from "../../train/config/text.ts";
import { NETWORK_KEYS } from "../../train/first_weights.ts";
import { withoutPlaces } from "../../train/resume.ts";
import { runPaths } from "../../train/run_folder.ts";
import { withAbsolutePlaces } from "../../train/source.ts";
import { readStudent } from "../../train/student_file.ts";

/** The settings that the command line may override; those left out keep their values. */
export interface RunFlags {
  readonly data?: string;
  readonly student?: string;
  /** A student to fine-tune. */
  readonly from?: string;
  readonly steps?: number;
  readonly seed?: number;
  readonly size?: TrainConfig["size"];
  /** Steps between validations. */
  readonly validateEvery?: number;
  readonly precision?: TrainConfig["precision"];
  readonly recompute?: boolean;
  readonly skipBadSamples?: boolean;
  /** Weights of a foundation teacher. */
  readonly "teacher.weights"?: string;
  readonly config?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly tune?: boolean;
}

/** A resolved run. */
export interface RunSettings {
  readonly config: TrainConfig;
  /** Path of the run folder. */
  readonly out: string;
  readonly resume: boolean;
  /** Whether the run replaces the one in its folder. */
  readonly replace?: boolean;
  /** The rows of an earlier ablation at this budget, for the report. */
  readonly ablation?: EarlierAblation;
  /** Whether a new run uses the choices measured on its adapter. */
  readonly tune: boolean;
}

/**
 * Resolves the user's settings: the file first, then the flags. A resumed run takes its own
 * configuration; throws InputError if file or flags contradict it. They may ask for recomputation,
 * which changes no bit, and give data and teacher another path: whether the data is the same is checked once it is open. All paths become absolute;
 * those typed and those in `--config` are relative to the working directory.
 */
export async function runSettings(
  flags: RunFlags,
  { shape, name }: RunKind = STUDENT_RUN,
): Promise<RunSettings> {
  const given = await givenKeys(flags);
  const here = [process.cwd()];
  const config = shape(withAbsolutePlaces(resolveConfig(given, "command line"), here));
  const trained = name ?? config.student;
  const out = flags.out ?? join("runs", `${trained}-${config.data.split(":")[0]}`);
  const { tune = true } = flags;
  if (flags.resume !== true) return { config, out, resume: false, tune };
  const file = runPaths(out).config;
  if (!existsSync(file)) {
    throw new InputError(`${out}: no run to resume; start it without --resume`);
  }
  const stored = await readConfig(file);
  const own = withAbsolutePlaces(resolveConfig(stored, file), [...here, out]);
  const wanted = shape(
    withAbsolutePlaces(resolveConfig(merged(stored, given), "command line"), [...here, out]),
  );
  checkAgreement(wanted, own, out);
  const { tuning } = runPaths(out);
  const choices = tune ? 0 : ((await readTuning(tuning))?.entries.length ?? 0);
  if (choices > 0) {
    throw new InputError(
      `--no-tune: the run in ${out} uses ${choices} measured choices and would not give the same ` +
        `bits without them; leave --no-tune out, or start a new run with another --out`,
    );
  }
  const { data, teacher, student_from, recompute } = wanted;
  return { config: { ...own, data, teacher, student_from, recompute }, out, resume: true, tune };
}

/** The changes that a command makes to the settings before a run. */
export interface RunKind {
  readonly shape: (config: TrainConfig) => TrainConfig;
  /** The word in the name of the default run folder; null: the name of the student. */
  readonly name: string | null;
}

const STUDENT_RUN: RunKind = { shape: (config) => config, name: null };
/**
 * The configuration as written: the file, which must be valid by itself, then the flags. Fine-tuning
 * takes network and size of its student where neither names them. Throws InputError.
 */
export async function givenKeys(flags: RunFlags): Promise<Record<string, unknown>> {
  const given = merged(
    flags.config === undefined ? {} : await readConfig(flags.config),
    keys(flags),
  );
  const { student_from } = given;
  if (typeof student_from !== "string") return given;
  const { config } = await readStudent(student_from, () => {});
  const own = [...NETWORK_KEYS, "size"] as const;
  return merged(Object.fromEntries(own.map((key) => [key, config[key]])), given);
}

/** The keys of the configuration that the command line sets. */
function keys(flags: RunFlags): Record<string, unknown> {
  const { data, student, from: student_from, steps, seed, size, precision, skipBadSamples } = flags;
  const { recompute, "teacher.weights": weights, validateEvery: validate_every } = flags;
  const all = {
    data,
    student,
    student_from,
    steps,
    seed,
    size,
    validate_every,
    precision,
    recompute,
    ...(skipBadSamples && { bad_samples: "skip" }),
    ...(weights !== undefined && { teacher: { weights } }),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Merges `given` over `stored`, including nested groups. */
function merged(
  stored: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const isGroup = (value: unknown): value is object =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = Object.entries(given).map(([key, value]) => {
    const own = stored[key];
    return [key, isGroup(own) && isGroup(value) ? { ...own, ...value } : value];
  });
  return { ...stored, ...(Object.fromEntries(entries) as Record<string, unknown>) };
}

/** A configuration file without defaults, after it was found valid by itself. */
async function readConfig(file: string): Promise<Record<string, unknown>> {
  const parsed = parseConfigFile(await readBytes(file, LIMITS.yaml_bytes), file);
  resolveConfig(parsed, file);
  return parsed;
}

/** Throws InputError naming the difference, if any; the paths of data and teacher may differ. */
function checkAgreement(wanted: TrainConfig, own: TrainConfig, out: string): void {
  const [one, other] = [withoutPlaces(wanted), withoutPlaces(own)];
  const names = Object.keys(own) as (keyof TrainConfig)[];
  const key = names.find((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]));
  if (key === undefined) return;
  throw new InputError(
    `--resume: ${key} is ${JSON.stringify(wanted[key])}, but the run in ${out} has ` +
      `${JSON.stringify(own[key])}; leave that setting out, or start a new run with another --out`,
  );
}
