// The system calls that write files. Every file that must survive a crash is written through here,
// and tests replace the real disk with one that fails.
import { open, rename, unlink } from "node:fs/promises";

/** An open file. */
export interface DiskFile {
  /** Writes at an offset; returns the number of bytes written, which may be fewer than given. */
  readonly write: (bytes: Uint8Array, at: number) => Promise<number>;
  readonly truncate: (length: number) => Promise<void>;
  /** Returns once everything written is on the disk. */
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** How to open a file: "wx" a new one, "r+" an existing one, "r" a folder to be synced. */
export type OpenFlags = "wx" | "r+" | "r";

/** The operations that write files. */
export interface Disk {
  readonly open: (file: string, flags: OpenFlags) => Promise<DiskFile>;
  readonly rename: (from: string, to: string) => Promise<void>;
  readonly unlink: (file: string) => Promise<void>;
}

/** The file system of this machine. */
export const SYSTEM_DISK: Disk = {
  open: async (file, flags) => {
    const handle = await open(file, flags);
    return {
      write: async (bytes, at) => (await handle.write(bytes, 0, bytes.length, at)).bytesWritten,
      truncate: async (length) => await handle.truncate(length),
      sync: async () => await handle.sync(),
      close: async () => await handle.close(),
    };
  },
  rename,
  unlink,
};

let current = SYSTEM_DISK;

/** The disk that files are written to. */
export function disk(): Disk {
  return current;
}

/** Runs `work` with another disk; for tests of failing disks. */
export async function withDisk<T>(other: Disk, work: () => Promise<T>): Promise<T> {
  const before = current;
  current = other;
  try {
    return await work();
  } finally {
    current = before;
  }
}

/** Writes all of `bytes` at a place in the file, however many calls that takes. */
export async function writeAll(file: DiskFile, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const count = await file.write(bytes.subarray(written), at + written);
    // Otherwise a disk that writes nothing and reports no error would cause an endless loop.
    if (count === 0) throw Object.assign(new Error("no bytes written"), { code: "EIO" });
    written += count;
  }
}
