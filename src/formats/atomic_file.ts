// Whole files: read into memory, and written so that a crash leaves the old file or the new one,
// never a part. Failures of the file system become one line for a person; formats live elsewhere.
import { open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { InputError } from "../tensor/error.ts";

/** All bytes of `file`; throws `InputError` naming it where it is missing or cannot be read. */
export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new InputError(`${file}: cannot read: ${systemReason(error)}`);
  }
}

/**
 * Writes `file` in one piece: a temporary file beside it, synced, then renamed over it. Throws
 * `InputError` naming it where the folder is missing, locked or full; the old file then stands.
 */
export async function writeFileAtomically(file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.${process.pid}-${temporaries++}.tmp`;
  try {
    await writeSynced(temporary, bytes);
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await unlink(temporary).catch(() => {}); // It may never have been made; the first error counts.
    throw new InputError(`${file}: cannot write: ${systemReason(error)}`);
  }
}

// Two writers of one file, in one process or two, must not share a temporary file.
let temporaries = 0;

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, "wx");
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A rename survives a power cut only once its folder is on the disk. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // Windows opens no folders; NTFS journals the rename.
  const handle = await open(folder, "r");
  try {
    await handle.sync();
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
  ERR_FS_FILE_TOO_LARGE: "over 2 GiB, more than can be read at once",
};

/** Why the file system refused, in words for a person. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code !== undefined ? REASONS[code] : undefined) ?? message;
}
