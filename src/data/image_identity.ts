// The identity of a moment that is a set of image files.
import { open, stat } from "node:fs/promises";
import { systemReason } from "../formats/atomic_file.ts";
import { sha256 } from "../formats/sha256.ts";
import { InputError } from "../tensor/error.ts";
import type { MomentIdentity } from "./moment_identity.ts";

// Enough to distinguish compressed images, and little enough for data sets of 100,000 images.
const HASHED_BYTES = 16 * 1024;

/**
 * The identity of a moment made of image files: the length and the first 16 KiB of each, in any
 * order. The caller must know that the files may be read. Throws InputError naming a file that
 * cannot be read.
 */
export async function imageIdentity(id: string, files: readonly string[]): Promise<MomentIdentity> {
  const hashes = await Promise.all(files.map(beginningHash));
  const content = sha256(hashes.toSorted().join("\n"));
  return { id, content };
}

async function beginningHash(file: string): Promise<string> {
  try {
    // Opening a pipe would wait for its writer.
    const info = await stat(file);
    if (!info.isFile()) throw new InputError(`${file}: is not a regular file`);
    const handle = await open(file, "r");
    try {
      const bytes = new Uint8Array(Math.min(info.size, HASHED_BYTES));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      return sha256(`${info.size}\n`, bytes.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${file}: cannot read: ${systemReason(error)}`);
  }
}
