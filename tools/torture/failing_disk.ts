// A disk that fails at the n-th call: everything else is done on the real disk, except that syncs
// do not wait.
import { SYSTEM_DISK, type Disk } from "../../src/formats/disk.ts";

/**
 * How a disk fails: one call, every write from then on, these after half of a write, or every call
 * from then on, which leaves what a kill at that moment leaves.
 */
export const FAULTS = ["EIO", "ENOSPC", "short write", "dead"] as const;
export type Fault = (typeof FAULTS)[number];

/** A failing disk, and how often it was called and failed. */
export interface FailingDisk extends Disk {
  readonly calls: () => number;
  readonly failures: () => number;
}

/** A disk whose call number `n` (from 1; 0: none) fails; a full disk stays full. */
export function failingDisk(fault: Fault, n: number): FailingDisk {
  let calls = 0;
  let failures = 0;
  const fail = (code: string): never => {
    failures++;
    throw Object.assign(new Error(`${code}: injected`), { code });
  };
  /** Counts a call, which may or may not need space on the disk; throws if it should fail. */
  const count = (isWrite: boolean): void => {
    calls++;
    if (fault === "EIO") {
      if (calls === n) fail("EIO");
    } else if (fault === "dead") {
      if (n > 0 && calls >= n) fail("EIO");
    } else if (isWrite && n > 0 && calls >= n && (fault === "ENOSPC" || failures > 0)) {
      fail("ENOSPC");
    }
  };
  return {
    calls: () => calls,
    failures: () => failures,
    open: async (file, flags) => {
      count(flags === "wx");
      const real = await SYSTEM_DISK.open(file, flags);
      return {
        ...real,
        write: async (bytes, at) => {
          count(true);
          if (fault !== "short write" || n === 0 || calls < n) return await real.write(bytes, at);
          failures++;
          return await real.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), at);
        },
        truncate: async (length) => {
          count(false);
          await real.truncate(length);
        },
        sync: async () => {
          count(false);
          await Promise.resolve();
        },
      };
    },
    rename: async (from, to) => {
      count(false);
      await SYSTEM_DISK.rename(from, to);
    },
    unlink: async (file) => {
      count(false);
      await SYSTEM_DISK.unlink(file);
    },
  };
}
