// The content of the folder of a cell when an ablation starts: nothing, a part of a run, or a record.
// A folder of another configuration is refused, so that no table mixes two configurations.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readBytes } from "../formats/atomic_file.ts";
import { LIMITS } from "../formats/limits.ts";
import { InputError } from "../tensor/error.ts";
import { checkpointsIn } from "../train/checkpoint.ts";
import { resolveConfig, type TrainConfig } from "../train/config.ts";
import { formatConfig, parseConfigFile } from "../train/config/text.ts";
import { runPaths } from "../train/run_folder.ts";
import { CELL_FILE, readCell, type CellRecord } from "./cell_file.ts";
import { isGroup } from "./overrides.ts";

/** The state of a cell. */
export interface CellState {
  readonly record: CellRecord | null;
  /** How its training begins: a new run that removes what is there, or from its checkpoint. */
  readonly beginning: "replace" | "resume";
}

/**
 * Reads the folder of a cell. A damaged record counts as none, and `onMessage` receives a line about it. Throws
 * InputError where the folder holds another configuration.
 */
export async function cellState(
  folder: string,
  config: TrainConfig,
  onMessage: (message: string) => void,
): Promise<CellState> {
  const record = await readCell(folder).catch((error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    onMessage(`${error.message}; the cell is evaluated again`);
    return null;
  });
  const paths = runPaths(folder);
  if (record !== null) requireSame(record.config, join(folder, CELL_FILE), config, folder);
  if (existsSync(paths.config)) {
    requireSame(await readBytes(paths.config, LIMITS.yaml_bytes), paths.config, config, folder);
  }
  // Wrong input may have been replaced since, and then no checkpoint fits it.
  const isFresh = record?.failure?.wrong_input === true;
  const hasCheckpoint = (await checkpointsIn(paths.checkpoints)).length > 0;
  return { record, beginning: hasCheckpoint && !isFresh ? "resume" : "replace" };
}

function requireSame(
  text: string | Uint8Array,
  file: string,
  config: TrainConfig,
  folder: string,
): void {
  const stored = resolveConfig(parseConfigFile(text, file), file);
  if (formatConfig(stored) === formatConfig(config)) return;
  const [before, now] = [flat(stored), flat(config)];
  const key = [...now.keys()].find((name) => before.get(name) !== now.get(name));
  const values =
    key === undefined ? "" : ` (${key}: ${before.get(key) ?? "none"}, now ${now.get(key)})`;
  throw new InputError(
    `${folder}: holds a cell of another configuration${values}; choose another --out, or delete ` +
      `that folder`,
  );
}

/** The values of a configuration by the paths of their keys. */
function flat(config: TrainConfig): Map<string, string> {
  const values = new Map<string, string>();
  const walk = (path: string, value: unknown): void => {
    if (!isGroup(value)) {
      values.set(path, JSON.stringify(value));
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      walk(path === "" ? key : `${path}.${key}`, inner);
    }
  };
  walk("", config);
  return values;
}
