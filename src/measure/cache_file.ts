// Files of the cache folder. A cache only saves time: where one cannot be read or written, a command
// says so in one line and goes on without. Several processes write one file: each merges what it
// found into what is there by then, under a lock.
import { rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { systemReason } from "../formats/atomic_file.ts";
import { waitForLock } from "../formats/lock_file.ts";
import { makeFolder } from "../formats/make_folder.ts";
import { InputError } from "../tensor/error.ts";

/** Takes one line about a cache that cannot be used. */
export type Warn = (line: string) => void;

/** How a kind of file is read and put together. */
export interface CacheAccess<T> {
  /** Null where the file holds nothing of use; throws where it is damaged. */
  readonly read: (file: string) => Promise<T | null>;
  readonly write: (file: string, value: T) => Promise<void>;
  /** What is found now put into what was known; null where nothing was. */
  readonly merge: (known: T | null) => T;
}

/** What became of a merge. */
export interface Merged<T> {
  /** Of all that is known, written or not. */
  readonly value: T;
  /** The file in words for a person; null where nothing could be written. */
  readonly keptIn: string | null;
}

// A writer holds the lock for milliseconds.
const WAIT_MS = 5000;
const NO_FOLDER =
  "no folder for caches: there is no home folder; RINGDEPTH_CACHE may name one (what is measured is not kept)";

/** Reads a file of the cache; null, with a line to `warn`, where it cannot be used. */
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
    warnOnce(warn, file, `${reasonOf(file, error)}; going on without it`);
    return null;
  }
}

/**
 * Merges into a file of the cache under its lock. A file that cannot be read is moved aside, never
 * overwritten. What keeps it from being written is a line to `warn`.
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
      const keptIn = aside === null ? file : `${file}; what could not be read is now ${aside}`;
      return { value, keptIn };
    } finally {
      await lock.release();
    }
  } catch (error) {
    warnOnce(warn, file, `${reasonOf(file, error)}; what was measured is not kept`);
    return { value: merge(await readIfThere(file, read).catch(() => null)), keptIn: null };
  }
}

async function readIfThere<T>(file: string, read: CacheAccess<T>["read"]): Promise<T | null> {
  try {
    // A pipe or a device would be waited for without end.
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

/** One line per file and command: what cannot be read can often not be written either. */
function warnOnce(warn: Warn, key: string, line = key): void {
  const keys = warned.get(warn) ?? new Set();
  warned.set(warn, keys);
  if (!keys.has(key)) warn(line);
  keys.add(key);
}
