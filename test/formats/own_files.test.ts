// Foreign files in a folder of results: named, and left as they are.
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  claimFiles,
  isOwnFile,
  makeOutFolder,
  OWN_FILES,
  ownLeftovers,
  writeOwnFiles,
} from "../../src/formats/own_files.ts";
import { InputError } from "../../src/tensor/error.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringdepth-own-"));
});
afterEach(() => rm(folder, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
const write = (name: string, text: string): Promise<void> =>
  writeOwnFiles(folder, [{ name, bytes: bytes(text) }]);

test("what ringdepth wrote is replaced as often as asked", async () => {
  for (const text of ["one", "two", "three"]) {
    await write("a.npy", text);
    expect(await read("a.npy")).toBe(text);
  }
  expect(await isOwnFile(folder, "a.npy")).toBe(true);
  expect(await isOwnFile(folder, "b.npy")).toBe(false);
});

test("commands that write into one folder at once lose no name of each other", async () => {
  const names = Array.from({ length: 8 }, (_, i) => `${i}.npy`);
  await Promise.all(names.map((name) => write(name, name)));
  expect(await Promise.all(names.map((name) => isOwnFile(folder, name)))).not.toContain(false);
  await Promise.all(names.map((name) => write(name, "again")));
});

test("a foreign file is named and nothing is written, beside it either", async () => {
  await writeFile(join(folder, "b.npy"), "mine");
  const both = ["a.npy", "b.npy"].map((name) => ({ name, bytes: bytes("new") }));
  await expect(writeOwnFiles(folder, both)).rejects.toThrow(InputError);
  await expect(writeOwnFiles(folder, both)).rejects.toThrow(/b\.npy: was not written by ringdepth/);
  expect(await read("b.npy")).toBe("mine");
  await expect(read("a.npy")).rejects.toThrow(/ENOENT/);
  await expect(read(OWN_FILES)).rejects.toThrow(/ENOENT/);
});

test("a file that somebody changed since stays", async () => {
  await write("a.npy", "ours");
  await writeFile(join(folder, "a.npy"), "theirs");
  await expect(write("a.npy", "ours again")).rejects.toThrow(/a\.npy: was changed since/);
  expect(await read("a.npy")).toBe("theirs");
});

test("a crash between the list and the file leaves a file that is ours", async () => {
  await write("a.npy", "old");
  await claimFiles(folder, [{ name: "a.npy", bytes: bytes("new") }]); // And here the power fails.
  await write("a.npy", "newer");
  expect(await read("a.npy")).toBe("newer");
});

test("a file that grows is known by its name", async () => {
  await claimFiles(folder, [{ name: "metrics.jsonl" }]);
  await writeFile(join(folder, "metrics.jsonl"), "a line\n");
  await claimFiles(folder, [{ name: "metrics.jsonl" }]);
  await writeFile(join(folder, "other.jsonl"), "a line\n");
  await expect(claimFiles(folder, [{ name: "other.jsonl" }])).rejects.toThrow(/other\.jsonl/);
});

test("a link in place of a file is foreign, wherever it leads", async () => {
  await writeFile(join(folder, "canary"), "canary");
  await symlink(join(folder, "canary"), join(folder, "a.npy"));
  await expect(write("a.npy", "new")).rejects.toThrow(/a\.npy: was not written by ringdepth/);
  expect(await read("canary")).toBe("canary");
});

test("a list that is none is left alone", async () => {
  for (const text of ["", "{}", '{"files": 3}', '{"files": {"a": 3}}', "\u0000"]) {
    await writeFile(join(folder, OWN_FILES), text);
    await expect(write("a.npy", "new")).rejects.toThrow(/is not a list of files by ringdepth/);
    expect(await read(OWN_FILES)).toBe(text);
  }
});

test("of temporary files only those of our own files are leftovers", async () => {
  await write("a.npy", "ours");
  const names = ["a.npy.12-3.tmp", "b.npy.12-3.tmp", "notes.tmp", "a.npy.tmp"];
  for (const name of names) await writeFile(join(folder, name), "");
  expect(await ownLeftovers(folder)).toEqual(["a.npy.12-3.tmp"]);
});

test("a folder that a person names may be a link, one named by data may not", async () => {
  await mkdir(join(folder, "far"));
  await symlink(join(folder, "far"), join(folder, "out"));
  await makeOutFolder(join(folder, "out"), true);
  await makeOutFolder(join(folder, "out", "moment"), false);
  await makeOutFolder(join(folder, "out", "moment"), false);
  await symlink(join(folder, "far"), join(folder, "far", "linked"));
  const linked = makeOutFolder(join(folder, "out", "linked"), false);
  await expect(linked).rejects.toThrow(/linked: is a link, not a folder/);
  await writeFile(join(folder, "file"), "");
  await expect(makeOutFolder(join(folder, "file"), false)).rejects.toThrow(
    /is a file, not a folder/,
  );
  await expect(makeOutFolder(join(folder, "file"), true)).rejects.toThrow(/cannot make the folder/);
  await expect(makeOutFolder(join(folder, "file", "x"), true)).rejects.toThrow(
    /cannot make the folder/,
  );
});
