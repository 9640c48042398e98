// Zip archives: against another implementation's (fflate), and every kind of damage.
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { LIMITS } from "../../src/formats/limits.ts";
import { openZip } from "../../src/formats/zip.ts";
import { expectRefused, FILE, SOON_MS, tryDamaged } from "./damage.ts";

/** All members of an archive, unpacked. */
function readZip(bytes: Uint8Array, file: string): Map<string, Uint8Array> {
  const { names, read } = openZip(bytes, file);
  return new Map(names.map((name) => [name, read(name)]));
}

const TEXT = Buffer.from("depth ".repeat(50));
const DEFLATED = zipSync({ "a.txt": new Uint8Array(TEXT) }, { level: 9 });
const STORED = zipSync({ "a.txt": Uint8Array.of(1, 2, 3), empty: new Uint8Array(0) }, { level: 0 });

/** A copy of `archive` with bytes overwritten, `at` counting from the end where it is negative. */
function patched(archive: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = new Uint8Array(archive);
  copy.set(bytes, at < 0 ? copy.length + at : at);
  return copy;
}

/** Where the first directory entry of `archive` starts. */
function directoryStart(archive: Uint8Array): number {
  return new DataView(archive.buffer, archive.byteOffset).getUint32(archive.length - 6, true);
}

test("reads stored, deflated and empty members, and an archive without any", () => {
  expect(Buffer.from(readZip(DEFLATED, FILE).get("a.txt")!)).toEqual(TEXT);
  const members = readZip(STORED, FILE);
  expect([...members.keys()]).toEqual(["a.txt", "empty"]);
  expect([...members.get("a.txt")!]).toEqual([1, 2, 3]);
  expect(members.get("empty")!.length).toBe(0);
  expect(readZip(zipSync({}), FILE).size).toBe(0);
});

test("finds the end record before a comment", () => {
  const comment = Buffer.from("PK\x05\x06 is the mark");
  const archive = Buffer.concat([patched(STORED, -2, comment.length, 0), comment]);
  expect(readZip(archive, FILE).size).toBe(2);
});

test("reads ZIP64 sizes, offsets and end record", () => {
  const directory = directoryStart(STORED);
  const local = STORED.subarray(0, directory);
  const entry = new Uint8Array(STORED.subarray(directory, directory + 46 + 5));
  entry.fill(255, 20, 28); // Both sizes are in the extra field,
  entry.fill(255, 42, 46); // and so is the offset.
  entry[30] = 4 + 24;
  const extra = Buffer.alloc(4 + 24);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(3n, 4);
  extra.writeBigUInt64LE(3n, 12);
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(1n, 32);
  end64.writeBigUInt64LE(BigInt(entry.length + extra.length), 40);
  end64.writeBigUInt64LE(BigInt(directory), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(directory + entry.length + extra.length), 8);
  const end = Buffer.alloc(22, 255);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(0, 20);
  const archive = Buffer.concat([local, entry, extra, end64, locator, end]);
  expect([...readZip(archive, FILE).get("a.txt")!]).toEqual([1, 2, 3]);
});

const ENTRY = directoryStart(STORED);

test("refuses a member that appears twice", async () => {
  const archive = zipSync({ a: Uint8Array.of(1), b: Uint8Array.of(2) }, { level: 0 });
  const second = directoryStart(archive) + 46 + 1; // After the first entry and its name.
  const twice = patched(archive, second + 46, "a".charCodeAt(0));
  await expectRefused(() => readZip(twice, FILE), /member "a" appears twice/);
});

test.each<[string, Uint8Array, RegExp]>([
  ["no bytes", new Uint8Array(0), /not a zip archive/],
  ["a text", Buffer.from("this is not an archive but a longer text"), /not a zip archive/],
  ["an archive cut short", STORED.subarray(0, -1), /one cut short/],
  [
    "fewer entries than there are",
    patched(STORED, -12, 1),
    /its directory does not have 1 entries/,
  ],
  ["bytes missing before the directory", STORED.subarray(8), /not where it says/],
  ["another name in the local header", patched(STORED, 30, 66), /"a\.txt": its local header/],
  ["a damaged directory", patched(STORED, ENTRY, 0), /directory entry 0 of 2 is damaged/],
  ["a directory outside", patched(STORED, -6, 255, 255, 255, 127), /not where it says/],
  ["a damaged local header", patched(STORED, 0, 0), /"a\.txt": its local header is damaged/],
  ["an offset outside", patched(STORED, ENTRY + 42, 255, 255, 255), /outside the archive/],
  ["a size outside", patched(STORED, ENTRY + 20, 255, 255), /"a\.txt" reaches into the next/],
  ["encryption", patched(STORED, ENTRY + 8, 1), /"a\.txt" is encrypted/],
  ["another method", patched(STORED, ENTRY + 10, 14), /"a\.txt": compression method 14/],
  ["changed content", patched(STORED, 35, 9), /"a\.txt": its size or checksum is wrong/],
  ["a wrong size", patched(STORED, ENTRY + 24, 4), /"a\.txt": its size or checksum is wrong/],
  ["a damaged stream", patched(DEFLATED, 35, 255, 255), /"a\.txt": cannot be inflated/],
  [
    "a stream that inflates to more than it states",
    patched(DEFLATED, directoryStart(DEFLATED) + 24, 10, 0),
    /"a\.txt": cannot be inflated/,
  ],
])("refuses %s", (_, bytes, pattern) => expectRefused(() => readZip(bytes, FILE), pattern));

test("a cut archive is always refused, and damage never changes a member's content", async () => {
  const { cut, prefixes } = await tryDamaged(DEFLATED, 2000, (bytes) => {
    for (const content of readZip(bytes, FILE).values()) expect(Buffer.from(content)).toEqual(TEXT);
  });
  expect(cut).toBe(prefixes);
});

test("skips bytes before the archive, as a program that unpacks itself has", () => {
  const members = readZip(Buffer.concat([Buffer.from("#!/bin/sh\n"), STORED]), FILE);
  expect([...members.get("a.txt")!]).toEqual([1, 2, 3]);
});

/** An archive of `entries` times one deflated member, all of them the same bytes of the file. */
function overlapping(archive: Uint8Array, entries: number): Uint8Array {
  const begin = directoryStart(archive);
  const end = archive.length - 22;
  const entry = archive.subarray(begin, end);
  const names = Array.from({ length: entries }, (_, i) => {
    const copy = Buffer.from(entry);
    copy.write(String(i).padStart(5, "0"), 46);
    return copy;
  });
  const record = Buffer.from(archive.subarray(end));
  record.writeUInt16LE(entries, 8);
  record.writeUInt16LE(entries, 10);
  record.writeUInt32LE(entries * entry.length, 12);
  return Buffer.concat([archive.subarray(0, begin), ...names, record]);
}

test.each<[string, () => Uint8Array, RegExp]>([
  [
    "members that overlap",
    () => overlapping(zipSync({ "a.npy": new Uint8Array(6e7) }, { level: 1 }), 1000),
    /reaches into the next one/,
  ],
  [
    "a member of 100 MB from 100 kB",
    () => zipSync({ "a.npy": new Uint8Array(1e8) }, { level: 1 }),
    /"a\.npy": \d{5,6} bytes that unpack to 100000000 are refused/,
  ],
  [
    "too many members",
    () => overlapping(zipSync({ "a.npy": new Uint8Array(1) }), LIMITS.zip_members + 1),
    /20001 members, at most 20000 are read/,
  ],
])("refuses %s before it allocates", async (_, make, pattern) => {
  const archive = make();
  const before = process.memoryUsage().arrayBuffers;
  const began = performance.now();
  await expectRefused(() => readZip(archive, FILE), pattern);
  expect(performance.now() - began).toBeLessThan(SOON_MS);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32e6);
});

test("a packed array of many equal numbers below the limit is read", () => {
  const bytes = new Uint8Array(2e7);
  expect(readZip(zipSync({ a: bytes }), FILE).get("a")!.length).toBe(2e7);
});
