// Locks: one holder, told by pid and host; a dead holder's lock is taken over, a foreign host's not.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LockedError, takeLock, waitForLock } from "../../src/formats/lock_file.ts";
import { makePipe } from "../support/special_files.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringdepth-lock-"));
});
afterAll(() => rm(folder, { recursive: true }));

const owner = (given: object): string =>
  JSON.stringify({ pid: process.pid, host: hostname(), began: "", token: "other", ...given });

test("the second taker is refused with pid and host, until the first lets go", async () => {
  const file = join(folder, "a.lock");
  const lock = await takeLock(file, "the run");
  await expect(takeLock(file, "the run")).rejects.toThrow(
    `the run is in use by process ${process.pid} on ${hostname()}`,
  );
  await lock.release();
  await (await takeLock(file, "the run")).release();
  expect(await readdir(folder)).toEqual([]);
});

test("of many takers at once exactly one wins", async () => {
  const file = join(folder, "b.lock");
  const tries = Array.from({ length: 20 }, () => takeLock(file, "it").catch(() => null));
  const won = (await Promise.all(tries)).filter((lock) => lock !== null);
  expect(won.length).toBe(1);
  await won[0].release();
});

test("of many finders of a stale lock exactly one takes it over", async () => {
  const file = join(folder, "c.lock");
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  for (let round = 0; round < 20; round++) {
    await writeFile(file, owner({ pid }));
    const tries = Array.from({ length: 8 }, () => takeLock(file, "it").catch(() => null));
    const won = (await Promise.all(tries)).filter((lock) => lock !== null);
    expect(won.length).toBe(1);
    await won[0].release();
  }
  expect(await readdir(folder)).toEqual([]);
});

test("a pid that was used again by another process is stale", async () => {
  if (process.platform !== "linux") return;
  const file = join(folder, "d.lock");
  await writeFile(file, owner({ began: "1" }));
  await (await takeLock(file, "it")).release();
});

test("a lock of another host, or a file that is no lock, is left alone", async () => {
  const file = join(folder, "e.lock");
  for (const text of [owner({ host: "elsewhere", pid: 1 }), "not a lock", ""]) {
    await writeFile(file, text);
    await expect(takeLock(file, "the run")).rejects.toThrow(LockedError);
    expect(await readFile(file, "utf8")).toBe(text);
  }
  await rm(file);
});

test("a pipe, a folder or a device in place of a lock is in use, and not waited for", async () => {
  const file = join(folder, "g.lock");
  const makers = [makePipe, mkdirSync, (path: string) => symlinkSync("/dev/zero", path)];
  for (const make of makers) {
    make(file);
    await expect(takeLock(file, "the run")).rejects.toThrow(/in use by another process/);
    await rm(file, { recursive: true });
  }
  const lock = await takeLock(file, "the run");
  await rm(file);
  makePipe(file);
  await lock.release();
  expect(existsSync(file)).toBe(true);
  await rm(file);
});

test("waits for a holder that lets go", async () => {
  const file = join(folder, "f.lock");
  const lock = await takeLock(file, "it");
  setTimeout(() => void lock.release(), 60);
  await (await waitForLock(file, "it", 5000)).release();
});
