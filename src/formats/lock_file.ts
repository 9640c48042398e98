// A lock that one process holds on a file or a folder: a small file with its pid and host. A lock
// whose process has ended is taken over; a lock of another host never is, because its process
// cannot be checked from here.
import { createHash, randomUUID } from "node:crypto";
import { lstatSync, readFileSync, rmSync } from "node:fs";
import { link, lstat, rm, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { InputError } from "../tensor/error.ts";
import { readBytes, systemReason } from "./atomic_file.ts";

/** Who holds a lock. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** When the process began, in ticks of its system since boot; detects a reused pid. */
  readonly began: string;
  /** Distinguishes two locks of one process. */
  readonly token: string;
}

/** A lock that is held until `release`, or until the process ends. */
export interface Lock {
  readonly file: string;
  /** Releases the lock; does nothing the second time, or if another process holds it by now. */
  readonly release: () => Promise<void>;
}

/** The lock is held by a living process (or by one of another host). */
export class LockedError extends InputError {
  override name = "LockedError";
  readonly owner: LockOwner | null;

  constructor(message: string, owner: LockOwner | null) {
    super(message);
    this.owner = owner;
  }
}

// Between two checks, a lock may be released or taken over by another process.
const TRIES = 8;

// A lock has 200 bytes.
const LOCK_LIMIT_BYTES = 4096;

/**
 * Takes the lock `file` at once, or throws LockedError, which names pid and host of the holder;
 * InputError if the file cannot be created. `what` names the guarded thing in errors.
 */
export async function takeLock(file: string, what: string): Promise<Lock> {
  const owner: LockOwner = {
    pid: process.pid,
    host: hostname(),
    began: beginOf(process.pid),
    token: randomUUID(),
  };
  let holder: LockOwner | null | "none" = null;
  for (let tries = 0; tries < TRIES; tries++) {
    if (await claim(file, owner)) return held(file, owner);
    holder = await readOwner(file);
    if (holder !== "none") {
      if (holder === null || !isStale(holder)) break;
      await discard(file, holder, owner);
    }
    await pause(2 + 8 * Math.random());
  }
  throw refusal(file, what, holder === "none" ? null : holder);
}

/** As `takeLock`, but waits up to `wait_ms` for the holder to release it. */
export async function waitForLock(file: string, what: string, wait_ms: number): Promise<Lock> {
  const end = performance.now() + wait_ms;
  for (;;) {
    try {
      return await takeLock(file, what);
    } catch (error) {
      if (!(error instanceof LockedError) || performance.now() >= end) throw error;
    }
    await pause(20 + 30 * Math.random());
  }
}

/** Creates the lock in one step: written to another file, then linked under its name. */
async function claim(file: string, owner: LockOwner): Promise<boolean> {
  const own = `${file}.${owner.token}`;
  try {
    await writeFile(own, `${JSON.stringify(owner)}\n`, { flag: "wx" });
    await link(own, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // File systems without hard links: exclusive creation is the next best thing.
    if (code === "EPERM" || code === "ENOTSUP" || code === "ENOSYS" || code === "EMLINK") {
      return await claimByCreation(file, owner);
    }
    throw new InputError(`${file}: cannot write: ${systemReason(error)}`);
  } finally {
    await rm(own, { force: true }).catch(() => undefined); // It may not exist.
  }
}

async function claimByCreation(file: string, owner: LockOwner): Promise<boolean> {
  try {
    await writeFile(file, `${JSON.stringify(owner)}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw new InputError(`${file}: cannot write: ${systemReason(error)}`);
  }
}

/** The holder; "none" if there is no lock, null if the file is unreadable. */
async function readOwner(file: string): Promise<LockOwner | null | "none"> {
  try {
    return parseOwner(Buffer.from(await readBytes(file, LOCK_LIMIT_BYTES)).toString());
  } catch {
    // A pipe, a folder or a device names no holder.
    return (await exists(file)) ? null : "none";
  }
}

async function exists(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
}

function parseOwner(text: string): LockOwner | null {
  try {
    const { pid, host, began, token } = JSON.parse(text) as Record<string, unknown>;
    if (!Number.isInteger(pid) || typeof host !== "string" || typeof token !== "string")
      return null;
    return { pid: pid as number, host, began: typeof began === "string" ? began : "", token };
  } catch {
    return null;
  }
}

/** Whether the holder has ended. False for a lock of another host, or a file that is not a lock. */
function isStale(holder: LockOwner | null): holder is LockOwner {
  if (holder === null || holder.host !== hostname()) return false;
  const { pid, began } = holder;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process lives and belongs to another user.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  const now = beginOf(pid);
  return began !== "" && now !== "" && now !== began;
}

/**
 * Removes the lock of a holder that has ended. Among the processes that find it, only the one that
 * holds the mark of that lock may remove it. A process that comes late gets the mark too, but finds
 * another lock by then.
 */
async function discard(file: string, holder: LockOwner, owner: LockOwner): Promise<void> {
  const name = createHash("sha256").update(holder.token).digest("hex").slice(0, 16);
  const mark = `${file}.${name}.ended`;
  if (!(await claim(mark, owner))) {
    const marker = await readOwner(mark);
    if (marker !== "none" && isStale(marker)) await rm(mark, { force: true });
    return;
  }
  try {
    const current = await readOwner(file);
    if (current !== "none" && current?.token === holder.token) await rm(file, { force: true });
  } finally {
    await rm(mark, { force: true });
  }
}

/** When a process began, as Linux counts it; empty elsewhere or if it has ended. */
function beginOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold spaces: fields count from the last bracket; 22 is the start.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function held(file: string, owner: LockOwner): Lock {
  let isHeld = true;
  const isOwn = (): boolean => {
    try {
      // Opening a pipe would wait for its writer.
      return (
        lstatSync(file).isFile() && parseOwner(readFileSync(file, "utf8"))?.token === owner.token
      );
    } catch {
      return false;
    }
  };
  const onExit = (): void => {
    if (isOwn()) rmSync(file, { force: true });
  };
  process.once("exit", onExit);
  return {
    file,
    release: async () => {
      try {
        if (isHeld && isOwn()) await unlink(file);
      } catch (error) {
        throw new InputError(`${file}: cannot remove: ${systemReason(error)}`);
      } finally {
        isHeld = false;
        process.off("exit", onExit);
      }
    },
  };
}

function refusal(file: string, what: string, holder: LockOwner | null): LockedError {
  const who = holder === null ? "another process" : `process ${holder.pid} on ${holder.host}`;
  return new LockedError(
    `${what} is in use by ${who}; wait for it to end, or delete ${file} if it has ended`,
    holder,
  );
}
