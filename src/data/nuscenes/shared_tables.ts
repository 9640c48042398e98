// The tables of the set that was opened last. Training and evaluation open the same tables one after
// the other, and those of the whole set take most of a minute to read.
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readTables, TABLES, type TableProgress, type Tables } from "./tables.ts";

let last: { readonly key: string; readonly tables: Promise<Tables> } | null = null;

/**
 * As `readTables`, but tables that were read before and have not changed since (by size, time and
 * inode) are not read again. Those of one set are kept, which hold its keyframes.
 */
export async function sharedTables(
  root: string,
  version: string,
  onProgress?: TableProgress,
): Promise<Tables> {
  const key = await keyOf(resolve(root), version);
  if (last?.key === key) return await last.tables;
  const tables = readTables(root, version, onProgress);
  last = { key, tables };
  try {
    return await tables;
  } catch (error) {
    forget(tables);
    throw error;
  }
}

function forget(tables: Promise<Tables>): void {
  if (last?.tables === tables) last = null;
}

async function keyOf(root: string, version: string): Promise<string> {
  const states = TABLES.map(async (table) => {
    // A missing table is named by the reader.
    const info = await stat(join(root, version, `${table}.json`), { bigint: true }).catch(
      () => null,
    );
    return info === null
      ? "none"
      : [info.dev, info.ino, info.size, info.mtimeNs, info.ctimeNs].join();
  });
  return JSON.stringify([root, version, await Promise.all(states)]);
}
