// The measured choices that a command uses: those in this adapter's file, unless --no-tune is
// given.
import type { Command } from "commander";
import type { AdapterFacts } from "../../gpu/device.ts";
import type { Tuning } from "../../engine/tuning.ts";
import { readCache, type Warn } from "../../measure/cache_file.ts";
import { cachedFile } from "../../measure/environment.ts";
import { choicesOf, readTuning, tuningPath, type TuningFile } from "../../tune/tuning_file.ts";

/** The choices of an adapter and their file. */
export interface CachedTuning {
  readonly path: string;
  /** Null if none were measured or none are wanted. */
  readonly file: TuningFile | null;
}

/** Adds `--no-tune`. */
export function tuneOption(command: Command): Command {
  return command.option(
    "--no-tune",
    "choose kernels by rule; ignore the choices of ringdepth tune",
  );
}

/** Reads the choices of an adapter; if that fails there are none, and `warn` receives a line. */
export async function cachedTuning(
  facts: AdapterFacts,
  wanted: boolean | undefined,
  warn: Warn,
): Promise<CachedTuning> {
  const path = cachedFile(tuningPath, facts);
  const file = wanted === false ? null : await readCache(path, readTuning, warn);
  return { path: path ?? "no file", file };
}

/** The same, as the engine takes them. */
export async function cachedChoices(
  facts: AdapterFacts,
  wanted: boolean | undefined,
  warn: Warn,
): Promise<Tuning> {
  const { file } = await cachedTuning(facts, wanted, warn);
  return choicesOf(file ?? { entries: [] });
}
