// Whole files: read into memory, and written so that a crash leaves the old file or the new one,
// never a part. Failures of the file system become one line for a person. Knows no formats.
import { constants } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { InputError } from "../tensor/error.ts";
import { disk, writeAll } from "./disk.ts";

// The default limit of `readBytes`.
const READ_LIMIT_BYTES = 2 ** 31 - 1;

/**
 * All bytes of `file`; throws `InputError` naming it if it is missing, cannot be read, is larger
 * than `limit_bytes`, or is not a regular file: a pipe or a device might never end.
 */
export async function readBytes(
  file: string,
  limit_bytes: number = READ_LIMIT_BYTES,
): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK (Windows has none: it counts as 0), opening a pipe would wait for its
    // writer.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    return await readRegular(handle, file, limit_bytes);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${file}: cannot read: ${systemReason(error)}`);
  } finally {
    await handle?.close();
  }
}

/**
 * As `readBytes`, but null where there is nothing of this name. A file that cannot be looked at is
 * not an absent one: it throws.
 */
export async function readBytesIfThere(
  file: string,
  limit_bytes: number = READ_LIMIT_BYTES,
): Promise<Uint8Array | null> {
  try {
    await stat(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new InputError(`${file}: cannot read: ${systemReason(error)}`);
  }
  return await readBytes(file, limit_bytes);
}

/** All bytes of an open file, as long as it was when it was opened; throws as `readBytes` does. */
export async function readRegular(
  handle: FileHandle,
  file: string,
  limit_bytes: number,
): Promise<Uint8Array> {
  const status = await handle.stat();
  if (status.isDirectory()) throw new InputError(`${file}: cannot read: it is a folder`);
  if (!status.isFile()) throw new InputError(`${file}: cannot read: it is not a regular file`);
  if (status.size > limit_bytes) {
    throw new InputError(
      `${file}: has ${status.size} bytes; at most ${limit_bytes} are read from such a file`,
    );
  }
  const bytes = new Uint8Array(status.size);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length === bytes.length ? bytes : bytes.slice(0, length);
}

/**
 * Writes `file` in one piece: a temporary file next to it is synced, then renamed over it. Throws
 * `InputError` naming it if the folder is missing, locked or full; the old file then stays.
 */
export async function writeFileAtomically(file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.${process.pid}-${temporaries++}.tmp`;
  try {
    await writeSynced(temporary, bytes);
    await disk().rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    // It may not exist; the first error counts.
    await disk()
      .unlink(temporary)
      .catch(() => {});
    throw new InputError(`${file}: cannot write: ${systemReason(error)}`);
  }
}

// Two writers of one file, in one process or two, must not share a temporary file.
let temporaries = 0;

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await disk().open(file, "wx");
  try {
    await writeAll(handle, bytes, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A rename survives a power cut only once its folder is on the disk. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // Windows opens no folders; NTFS journals the rename.
  const handle = await disk().open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder; nothing more can be done there.
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
  } finally {
    await handle.close();
  }
}

const REASONS: Record<string, string> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is not a folder",
  ENOSPC: "no space left on the disk",
  EROFS: "the disk is read-only",
  EMFILE: "too many open files",
  EIO: "the disk failed (input/output error)",
  EDQUOT: "the disk quota is used up",
  EEXIST: "something of that name is there already",
  ENOTEMPTY: "a folder with files is in its place",
  EBUSY: "it is in use",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "its links lead in a circle",
  ENXIO: "it is not a regular file",
};

/** Why the file system refused, in words for a person. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code !== undefined ? REASONS[code] : undefined) ?? message;
}
