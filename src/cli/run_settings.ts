// The settings of a training run, from the configuration file, the command line and, for a run that
// goes on, its own config.yaml.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readBytes } from "../formats/atomic_file.ts";
import { readTuning } from "../profile/tuning_file.ts";
import { InputError } from "../tensor/error.ts";
import { formatConfig, parseConfigFile, resolveConfig, type TrainConfig } from "../train/config.ts";
import { runPaths } from "../train/run_folder.ts";

/** What the command line may say of a run; what is left out is not overridden. */
export interface RunFlags {
  readonly data?: string;
  readonly student?: string;
  readonly steps?: number;
  readonly seed?: number;
  readonly size?: TrainConfig["size"];
  readonly skipBadSamples?: boolean;
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
  /** Whether a new run goes by the choices measured on its adapter. */
  readonly tune: boolean;
}

/**
 * Resolves what a person typed: the file first, then the flags. A run that goes on takes its own
 * configuration; throws InputError where file or flags contradict it.
 */
export async function runSettings(flags: RunFlags): Promise<RunSettings> {
  const given = {
    ...(flags.config !== undefined && (await readConfig(flags.config))),
    ...keys(flags),
  };
  const config = resolveConfig(given, "command line");
  const out = flags.out ?? join("runs", `${config.student}-${config.data.split(":")[0]}`);
  const { tune = true } = flags;
  if (flags.resume !== true) return { config, out, resume: false, tune };
  const file = runPaths(out).config;
  if (!existsSync(file)) {
    throw new InputError(`${out}: no run to resume; start it without --resume`);
  }
  const stored = await readConfig(file);
  const own = resolveConfig(stored, file);
  checkAgreement(resolveConfig({ ...stored, ...given }, "command line"), own, out);
  const { tuning } = runPaths(out);
  const choices = tune ? 0 : ((await readTuning(tuning))?.entries.length ?? 0);
  if (choices > 0) {
    throw new InputError(
      `--no-tune: the run in ${out} goes by ${choices} measured choices, without which it would not ` +
        `come to the same bits; leave it out, or start a new run with another --out`,
    );
  }
  return { config: own, out, resume: true, tune };
}

/** The keys of the configuration that the command line sets. */
function keys(flags: RunFlags): Record<string, unknown> {
  const { data, student, steps, seed, size, skipBadSamples } = flags;
  const all = { data, student, steps, seed, size, ...(skipBadSamples && { bad_samples: "skip" }) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** A configuration file as it stands, once it is known to be right by itself. */
async function readConfig(file: string): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode(await readBytes(file));
  const parsed = parseConfigFile(text, file);
  resolveConfig(parsed, file);
  return parsed;
}

function checkAgreement(wanted: TrainConfig, own: TrainConfig, out: string): void {
  if (formatConfig(wanted) === formatConfig(own)) return;
  const names = Object.keys(own) as (keyof TrainConfig)[];
  const key = names.find((name) => JSON.stringify(wanted[name]) !== JSON.stringify(own[name]));
  if (key === undefined) return;
  throw new InputError(
    `--resume: ${key} is ${JSON.stringify(wanted[key])}, but the run in ${out} has ` +
      `${JSON.stringify(own[key])}; leave it out, or start a new run with another --out`,
  );
}
