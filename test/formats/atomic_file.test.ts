// Whole files: replaced in one piece, failures in one line, no temporary file left behind.
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readBytes, readBytesIfThere, writeFileAtomically } from "../../src/formats/atomic_file.ts";
import { openEventLog } from "../../src/formats/events.ts";
import { readCeilings } from "../../src/measure/ceilings.ts";
import { readTuning } from "../../src/tune/tuning_file.ts";
import { InputError } from "../../src/tensor/error.ts";
import { makePipe } from "../support/special_files.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringdepth-files-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("bytes come back, and a new file replaces the old one", async () => {
  const file = join(folder, "a.bin");
  await writeFileAtomically(file, Uint8Array.of(1, 2, 3));
  expect([...(await readBytes(file))]).toEqual([1, 2, 3]);
  await writeFileAtomically(file, new Uint8Array(0));
  expect((await readBytes(file)).length).toBe(0);
  expect(await readdir(folder)).toEqual(["a.bin"]);
});

test("of many writers at once one wins whole", async () => {
  const file = join(folder, "b.bin");
  const writes = Array.from({ length: 8 }, (_, i) =>
    writeFileAtomically(file, new Uint8Array(100_000).fill(i)),
  );
  await Promise.all(writes);
  const bytes = await readFile(file);
  expect(new Set(bytes).size).toBe(1);
  expect(bytes.length).toBe(100_000);
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("only regular files are read, up to a limit, and none is waited for", async () => {
  const pipe = join(folder, "pipe");
  makePipe(pipe);
  await expect(readBytes(pipe)).rejects.toThrow(`${pipe}: cannot read: it is not a regular file`);
  const zero = join(folder, "zero.jpg");
  await symlink("/dev/zero", zero);
  await expect(readBytes(zero)).rejects.toThrow(`${zero}: cannot read: it is not a regular file`);
  const socket = join(folder, "socket");
  const server = createServer().listen(socket);
  await once(server, "listening");
  await expect(readBytes(socket)).rejects.toThrow(/socket: cannot read: it is not a regular file/);
  server.close();
  const file = join(folder, "long.bin");
  await writeFile(file, new Uint8Array(11));
  await expect(readBytes(file, 10)).rejects.toThrow(`${file}: has 11 bytes; at most 10 are read`);
  expect(await readBytes(file, 11)).toHaveLength(11);
  await symlink(file, join(folder, "link"));
  expect(await readBytes(join(folder, "link"))).toHaveLength(11);
  const circle = join(folder, "circle");
  await symlink(circle, circle);
  await expect(readBytes(circle)).rejects.toThrow(
    /circle: cannot read: its links lead in a circle/,
  );
});

test("failures name the file and leave nothing behind", async () => {
  const missing = join(folder, "none", "c.bin");
  await expect(readBytes(missing)).rejects.toThrow(
    new InputError(`${missing}: cannot read: no such file or folder`),
  );
  await expect(readBytes(folder)).rejects.toThrow(/cannot read: it is a folder/);
  await expect(writeFileAtomically(missing, new Uint8Array(1))).rejects.toThrow(
    new InputError(`${missing}: cannot write: no such file or folder`),
  );
  // A folder stands where the file should go: the rename fails after the bytes were written.
  const taken = join(folder, "taken");
  await mkdir(taken);
  await expect(writeFileAtomically(taken, new Uint8Array(1))).rejects.toBeInstanceOf(InputError);
  expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("only what is not there counts as absent, in every file that may be", async () => {
  const none = join(folder, "none");
  expect(await readBytesIfThere(none)).toBeNull();
  expect(await readTuning(none)).toBeNull();
  expect(await readCeilings(none)).toBeNull();
  const loop = join(folder, "loop");
  await symlink("loop", loop);
  const readers = [
    readBytesIfThere,
    readTuning,
    readCeilings,
    (file: string) => openEventLog(file, 1),
  ];
  for (const read of readers) {
    await expect(read(loop)).rejects.toThrow(InputError);
    await expect(read(loop)).rejects.toThrow(`${loop}: cannot read: `);
  }
});
