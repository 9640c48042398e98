// Identifies a moment wherever its files are: the id that the source gives, and a hash of what the
// cameras saw. Copying or renaming a folder changes only the id.
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { systemReason } from "../formats/atomic_file.ts";
import { InputError } from "../tensor/error.ts";

/** A moment by name and by content. */
export interface MomentIdentity {
  /** The `id` of its sample. */
  readonly id: string;
  /**
   * Equal for moments with the same content; a hash, or a text that describes the content fully.
   */
  readonly content: string;
}

const KEY_DIGITS = 16;

/** 64 bits of the hash of an id or a content, in hexadecimal. */
export function identityKey(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, KEY_DIGITS);
}

// Enough to distinguish compressed images, and little enough for data sets of 100,000 images.
const HASHED_BYTES = 16 * 1024;

/**
 * The identity of a moment made of image files: the length and the first 16 KiB of each, in any
 * order. The caller must know that the files may be read. Throws InputError naming a file that
 * cannot be read.
 */
export async function imageIdentity(id: string, files: readonly string[]): Promise<MomentIdentity> {
  const hashes = await Promise.all(files.map(beginningHash));
  const content = createHash("sha256").update(hashes.toSorted().join("\n")).digest("hex");
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
      const hash = createHash("sha256").update(`${info.size}\n`);
      return hash.update(bytes.subarray(0, bytesRead)).digest("hex");
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${file}: cannot read: ${systemReason(error)}`);
  }
}
