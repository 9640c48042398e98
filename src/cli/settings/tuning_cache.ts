// Whether a command goes by measured choices: the file of this adapter, unless --no-tune.
import type { Command } from "commander";
import type { AdapterFacts } from "../../gpu/device.ts";
import type { Tuning } from "../../engine/tuning.ts";
import { readCache, type Warn } from "../../measure/cache_file.ts";
import { cachedFile } from "../../measure/environment.ts";
import { choicesOf, readTuning, tuningPath, type TuningFile } from "../../tune/tuning_file.ts";

/** The choices of an adapter and where they come from. */
export interface CachedTuning {
  readonly path: string;
  /** Null where none were measured or none are wanted. */
  readonly file: TuningFile | null;
}

/** Adds `--no-tune`. */
export function tuneOption(command: Command): Command {
  return command.option(
    "--no-tune",
    "choose kernels by rule, not by what ringdepth tune has measured",
  );
}

/** Reads the choices of an adapter; there are none, with a line to `warn`, where that fails. */
export async function cachedTuning(
  facts: AdapterFacts,
  wanted: boolean | undefined,
  warn: Warn,
): Promise<CachedTuning> {
  const path = cachedFile(tuningPath, facts);
  const file = wanted === false ? null : await readCache(path, readTuning, warn);
  return { path: path ?? "no file", file };
}

/** The same for the engine. */
export async function cachedChoices(
  facts: AdapterFacts,
  wanted: boolean | undefined,
  warn: Warn,
): Promise<Tuning> {
  const { file } = await cachedTuning(facts, wanted, warn);
  return choicesOf(file ?? { entries: [] });
}
