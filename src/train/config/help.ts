// The configuration explained to people: config.yaml of a run with a comment above each key, and
// the keys as `train --help` lists them. The words are in the schema.
import { Document, isMap, isScalar, type Node } from "yaml";
import { z } from "zod";
import { resolveConfig, type TrainConfig } from "../config.ts";
import { configSchema } from "./schema.ts";

/** The part of a key's JSON Schema that is used here. */
interface Explained {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Explained>>;
}

/** The configuration as YAML, each key below its explanation. */
export function explainedConfig(config: TrainConfig): string {
  const document = new Document(config);
  comment(document.contents, explanation());
  return document.toString({ lineWidth: 0 });
}

function comment(node: Node | null, { properties = {} }: Explained): void {
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    if (!isScalar(key)) continue;
    const about = properties[String(key.value)];
    if (about?.description !== undefined) key.commentBefore = ` ${about.description}`;
    if (about !== undefined) comment(value as Node | null, about);
  }
}

/** One key of the configuration by its path, as `optimizer.beta1`. */
export interface ConfigKey {
  readonly path: string;
  readonly value: unknown;
  readonly description: string;
}

/** Every key with its default and its meaning; a described group is one key. */
export function configKeys(): ConfigKey[] {
  const keys: ConfigKey[] = [];
  const walk = (path: string, value: unknown, { description, properties }: Explained): void => {
    if (description !== undefined || properties === undefined) {
      keys.push({ path, value, description: description ?? "" });
      return;
    }
    for (const [name, about] of Object.entries(properties)) {
      const own = (value as Readonly<Record<string, unknown>>)[name];
      // A key without a default is set by the launcher of a run, not by hand.
      if (own === undefined) continue;
      walk(path === "" ? name : `${path}.${name}`, own, about);
    }
  };
  walk("", resolveConfig({}, "defaults"), explanation());
  return keys;
}

function explanation(): Explained {
  return z.toJSONSchema(configSchema, { io: "input" }) as Explained;
}
