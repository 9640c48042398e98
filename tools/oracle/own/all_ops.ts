// Every op of the engine, read from the folder that holds them: a new family cannot be forgotten.
import { readdirSync } from "node:fs";
import type { Op } from "../../../src/graph/value.ts";

const FOLDER = new URL("../../../src/graph/ops/", import.meta.url);

async function collected(): Promise<Record<string, Op<unknown>>> {
  const ops: Record<string, Op<unknown>> = {};
  for (const file of readdirSync(FOLDER).toSorted()) {
    const family = (await import(new URL(file, FOLDER).href)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(family)) {
      if (name.endsWith("Ops")) Object.assign(ops, value);
    }
  }
  return ops;
}

/** All ops by name. */
export const ALL_OPS: Readonly<Record<string, Op<unknown>>> = await collected();
