// Whether a command goes by measured choices: the file of this adapter, unless --no-tune.
import type { Command } from "commander";
import type { AdapterFacts } from "../gpu/device.ts";
import type { Tuning } from "../kernels/tuning.ts";
import { cacheFolder } from "../profile/environment.ts";
import { choicesOf, readTuning, tuningPath, type TuningFile } from "../profile/tuning_file.ts";

/** The choices of an adapter and where they come from. */
export interface CachedTuning {
  readonly path: string;
  /** Null where none were measured or none are wanted. */
  readonly file: TuningFile | null;
}

/** Adds `--no-tune`. */
export function tuneOption(command: Command): Command {
  return command.option("--no-tune", "run kernels by rule, whatever ringdepth tune has found");
}

/** Reads the choices of an adapter; throws InputError where the file is damaged. */
export async function cachedTuning(facts: AdapterFacts, wanted = true): Promise<CachedTuning> {
  const path = tuningPath(cacheFolder(), facts);
  return { path, file: wanted ? await readTuning(path) : null };
}

/** The same for the engine. */
export async function cachedChoices(facts: AdapterFacts, wanted = true): Promise<Tuning> {
  const { file } = await cachedTuning(facts, wanted);
  return choicesOf(file ?? { entries: [] });
}
