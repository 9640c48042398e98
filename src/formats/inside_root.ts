// Reads that stay below a root: a name from a manifest cannot leave it, neither by itself nor
// through a link. The root itself may be a link, because the user named it.
import { constants } from "node:fs";
import { open, realpath, stat, type FileHandle } from "node:fs/promises";
import { join, sep } from "node:path";
import { InputError } from "../tensor/error.ts";
import { readRegular, systemReason } from "./atomic_file.ts";

/** Throws InputError if a name is not a plain relative path below its folder. */
export function checkRelative(name: string, where: string): void {
  const fault = faultOf(name);
  if (fault !== null) throw new InputError(`${where}: the path ${fault}; expected one below it`);
}

function faultOf(name: string): string | null {
  if (name === "") return "is empty";
  if (name.includes("\u0000")) return "has a NUL in it";
  // On Windows both characters separate, so neither may hide a "..".
  if (name.includes("\\")) return "has a backslash in it";
  if (name.startsWith("/") || /^[A-Za-z]:/.test(name)) return "is absolute";
  // Windows drops dots and spaces at the end of a name: ".. " and "..." mean "..".
  if (name.split("/").some((part) => part !== "." && /^\.[. ]*$/.test(part)))
    return 'has ".." in it';
  return null;
}

/**
 * The path `root`/`name` with all links resolved. Throws InputError if `name` is not a plain
 * relative path, if nothing is there, and if a link leads out of `root` and, with `orInside`, also
 * out of that folder.
 */
export async function insideRoot(root: string, name: string, orInside?: string): Promise<string> {
  checkRelative(name, root);
  const file = join(root, name);
  const resolved = await resolve(file);
  if (await isInside(resolved, root, orInside)) return resolved;
  throw new InputError(
    `${file}: a link leads out of ${orInside ?? root}; copy what it leads to, or link the whole folder`,
  );
}

/**
 * All bytes of the regular file `root`/`name`, at most `limit_bytes`; throws as `insideRoot` and
 * `readBytes` do. The opened file is checked once more before anything is read, in case a link was
 * swapped after the first check.
 */
export async function readInside(
  root: string,
  name: string,
  limit_bytes: number,
  orInside?: string,
): Promise<Uint8Array> {
  return await withInside(
    root,
    name,
    async (handle, file) => await readRegular(handle, file, limit_bytes),
    orInside,
  );
}

/**
 * Opens the file `root`/`name` for `read` and closes it afterwards; for files too large to read
 * whole. Throws as `insideRoot` does, and InputError if the system cannot read it.
 */
export async function withInside<T>(
  root: string,
  name: string,
  read: (handle: FileHandle, file: string) => Promise<T>,
  orInside?: string,
): Promise<T> {
  const resolved = await insideRoot(root, name, orInside);
  const file = join(root, name);
  let handle: FileHandle | undefined;
  try {
    // Windows has neither flag: undefined counts as 0.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    handle = await open(resolved, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!(await isStillInside(handle, resolved, root, orInside))) {
      throw new InputError(`${file}: was replaced while it was opened`);
    }
    return await read(handle, file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new InputError(`${file}: cannot read: ${systemReason(error)}`);
  } finally {
    await handle?.close();
  }
}

async function isStillInside(
  handle: FileHandle,
  resolved: string,
  root: string,
  orInside: string | undefined,
): Promise<boolean> {
  // Linux knows the path of an open file. Elsewhere it is compared with the file below the root by
  // inode number.
  const opened = await realpath(`/proc/self/fd/${handle.fd}`).catch(() => null);
  if (opened !== null) return await isInside(opened, root, orInside);
  const [own, again] = [await handle.stat(), await stat(resolved)];
  const isSame = own.dev === again.dev && own.ino === again.ino;
  return isSame && (await isInside(await realpath(resolved), root, orInside));
}

async function isInside(
  resolved: string,
  root: string,
  orInside: string | undefined,
): Promise<boolean> {
  for (const folder of [root, orInside]) {
    if (folder === undefined) continue;
    const real = await resolve(folder);
    if (resolved === real || resolved.startsWith(real.endsWith(sep) ? real : real + sep)) {
      return true;
    }
  }
  return false;
}

async function resolve(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    throw new InputError(`${file}: cannot read: ${systemReason(error)}`);
  }
}
