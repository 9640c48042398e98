// Files of the cache folder. A cache only saves time: if one cannot be read or written, a command
// says so in one line and continues without it. Several processes write the same file: each merges
// its results into the current content under a lock.
import { rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { systemReason } from "../formats/atomic_file.ts";
import { waitForLock } from "../formats/lock_file.ts";
import { makeFolder } from "../formats/make_folder.ts";
import { InputError } from "../tensor/error.ts";

/** Receives one line about a cache that cannot be used. */
export type Warn = (line: string) => void;

/** How a kind of file is read and merged. */
export interface CacheAccess<T> {
  /** Null if the file holds nothing useful; throws if it is damaged. */
  readonly read: (file: string) => Promise<T | null>;
  readonly write: (file: string, value: T) => Promise<void>;
  /** Merges new results into the known ones; null if nothing was known. */
  readonly merge: (known: T | null) => T;
}

/** The outcome of a merge. */
export interface Merged<T> {
  /** All known results, written or not. */
  readonly value: T;
  /** The file as shown to a person; null if nothing could be written. */
  readonly keptIn: string | null;
}

// A writer holds the lock for milliseconds.
const WAIT_MS = 5000;
const NO_FOLDER =
  "no cache folder, because there is no home folder; measurements are not kept unless RINGDEPTH_CACHE names a folder";

/** Reads a file of the cache; null, with a line to `warn`, if it cannot be used. */
export async function readCache<T>(
  file: string | null,
  read: CacheAccess<T>["read"],
  warn: Warn,
): Promise<T | null> {
  if (file === null) {
    warnOnce(warn, NO_FOLDER);
    return null;
  }
  try {
    return await readIfThere(file, read);
  } catch (error) {
    warnOnce(warn, file, `${reasonOf(file, error)}; continuing without it`);
    return null;
  }
}

/**
 * Merges into a file of the cache under its lock. A file that cannot be read is moved aside, never
 * overwritten. If it cannot be written, the reason is a line to `warn`.
 */
export async function mergeCache<T>(
  file: string | null,
  { read, write, merge }: CacheAccess<T>,
  warn: Warn,
): Promise<Merged<T>> {
  if (file === null) {
    warnOnce(warn, NO_FOLDER);
    return { value: merge(null), keptIn: null };
  }
  try {
    await makeFolder(dirname(file));
    const lock = await waitForLock(`${file}.lock`, file, WAIT_MS);
    try {
      const { known, aside } = await knownOrAside(file, read);
      const value = merge(known);
      await write(file, value);
      const keptIn = aside === null ? file : `${file}; the unreadable file is now ${aside}`;
      return { value, keptIn };
    } finally {
      await lock.release();
    }
  } catch (error) {
    warnOnce(warn, file, `${reasonOf(file, error)}; the measurements are not kept`);
    return { value: merge(await readIfThere(file, read).catch(() => null)), keptIn: null };
  }
}

async function readIfThere<T>(file: string, read: CacheAccess<T>["read"]): Promise<T | null> {
  try {
    // Waiting for a pipe or a device would never end.
    if (!(await stat(file)).isFile()) throw new InputError(`${file}: is not a file`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  return await read(file);
}

async function knownOrAside<T>(
  file: string,
  read: CacheAccess<T>["read"],
): Promise<{ readonly known: T | null; readonly aside: string | null }> {
  try {
    return { known: await readIfThere(file, read), aside: null };
  } catch (error) {
    if (!(await stat(file)).isFile()) throw error;
    const aside = `${file}.unreadable`;
    await rename(file, aside);
    return { known: null, aside };
  }
}

function reasonOf(file: string, error: unknown): string {
  return error instanceof InputError ? error.message : `${file}: ${systemReason(error)}`;
}

const warned = new WeakMap<Warn, Set<string>>();

/** One line per file and command: a file that cannot be read often cannot be written either. */
function warnOnce(warn: Warn, key: string, line = key): void {
  const keys = warned.get(warn) ?? new Set();
  warned.set(warn, keys);
  if (!keys.has(key)) warn(line);
  keys.add(key);
}
