// A file that grows by whole pieces. A failed write is undone, so that the file never ends in a
// part of a piece that could be mistaken for a whole one.
import { InputError } from "../tensor/error.ts";
import { systemReason } from "./atomic_file.ts";
import { disk, writeAll, type DiskFile } from "./disk.ts";

/** An open file that grows. */
export interface AppendFile {
  /** Appends a whole piece or nothing; throws InputError naming the file if it fails. */
  readonly append: (piece: Uint8Array) => Promise<void>;
  /** Returns once every piece is on the disk. */
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Opens an existing file, keeps its first `kept_bytes` and cuts off the rest. Throws InputError if
 * it cannot be written.
 */
export async function openToAppend(file: string, kept_bytes: number): Promise<AppendFile> {
  const named = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new InputError(`${file}: cannot write: ${systemReason(error)}`);
    }
  };
  let end = kept_bytes;
  // Pieces of two callers must not be written over each other.
  let last: Promise<unknown> = Promise.resolve();
  const afterLast = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(async () => await named(work));
    last = result.catch(() => {});
    return await result;
  };
  const handle = await named(async () => await openCut(file, kept_bytes));
  return {
    append: async (piece) =>
      await afterLast(async () => {
        try {
          await writeAll(handle, piece, end);
          end += piece.length;
        } catch (error) {
          await handle.truncate(end).catch(() => {}); // The next piece is written over it.
          throw error;
        }
      }),
    sync: async () => await afterLast(async () => await handle.sync()),
    close: async () => await afterLast(async () => await handle.close()),
  };
}

async function openCut(file: string, kept_bytes: number): Promise<DiskFile> {
  const handle = await disk().open(file, "r+");
  try {
    await handle.truncate(kept_bytes);
    return handle;
  } catch (error) {
    await handle.close().catch(() => {}); // The first error counts.
    throw error;
  }
}
