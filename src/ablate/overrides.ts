// Keys of the configuration by their path, such as `loss.weights.kl`, set one by one over a
// configuration as written.
import { parseYaml } from "../formats/yaml.ts";
import { InputError } from "../tensor/error.ts";

/** A key of the configuration and its value. */
export interface Override {
  /** The path of the key, as `train --help` lists it. */
  readonly key: string;
  readonly value: unknown;
}

/** A configuration as written: nested groups of keys. */
export type WrittenKeys = Readonly<Record<string, unknown>>;

/** `given` with the overrides in their order; nothing is checked. */
export function withOverrides(given: WrittenKeys, overrides: readonly Override[]): WrittenKeys {
  return overrides.reduce((keys, { key, value }) => set(keys, key.split("."), value), given);
}

function set(group: WrittenKeys, [key, ...rest]: readonly string[], value: unknown): WrittenKeys {
  const own = Object.hasOwn(group, key) ? group[key] : undefined;
  const inner = rest.length === 0 ? value : set(isGroup(own) ? own : {}, rest, value);
  return { ...group, [key]: inner };
}

/** Whether a value is a group of keys. */
export function isGroup(value: unknown): value is WrittenKeys {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads `key=value`, the value as YAML reads it: numbers, true, null, [6, 10] or text. Throws
 * InputError naming `where`.
 */
export function parseOverride(text: string, where: string): Override {
  const equals = text.indexOf("=");
  const [key, value] = [text.slice(0, Math.max(0, equals)).trim(), text.slice(equals + 1).trim()];
  if (!/^\w+(\.\w+)*$/.test(key) || value === "") {
    throw new InputError(
      `${where}: ${JSON.stringify(text)}: expected KEY=VALUE, such as loss.weights.kl=0.1`,
    );
  }
  return { key, value: parseYaml(value, `${where}: value of ${key}`) };
}

/** Splits at the commas that lie outside of brackets. */
export function splitList(text: string): string[] {
  return text.split(/,(?![^[]*\])/).map((part) => part.trim());
}
