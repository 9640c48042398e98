// A configuration as YAML, which files give and which students carry. Apart from config.ts, so that a
// page which reads no such text need not load a parser of YAML.
import { stringify } from "yaml";
import { parseYaml } from "../../formats/yaml.ts";
import { InputError } from "../../tensor/error.ts";
import type { TrainConfig } from "./train_config.ts";

const GROUPS = new Set(["rig", "lidar", "head", "teacher", "loss", "optimizer"]);

/**
 * Reads a configuration as YAML; throws InputError naming file and line, also for a text that is
 * too long, too wide or too deep, and for control characters.
 */
export function parseConfigFile(
  source: string | Uint8Array,
  file: string,
): Record<string, unknown> {
  const parsed = parseYaml(source, file) ?? {};
  if (typeof parsed !== "object" || Array.isArray(parsed)) {
    throw new InputError(`${file}: expected keys and values, such as "steps: 600"`);
  }
  // A group whose keys are all comments has no value; it holds its defaults then.
  const isEmptyGroup = ([key, value]: [string, unknown]): boolean =>
    value === null && GROUPS.has(key);
  return Object.fromEntries(Object.entries(parsed).filter((entry) => !isEmptyGroup(entry)));
}

/** The configuration as YAML without explanations, as checkpoints and students carry it. */
export function formatConfig(config: TrainConfig): string {
  return stringify(config);
}
