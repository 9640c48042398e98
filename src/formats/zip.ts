// Zip archives as numpy writes them: members stored or deflated, ZIP64 records; no encryption, no
// parts over several disks. Reads through the central directory, because numpy's local headers
// leave the sizes out, and checks every CRC. Members may not overlap or unpack to more than a
// limit, because zip bombs do. Source: PKWARE appnote 6.3.10, sections 4.3 and 4.5.3; as Python's
// zipfile does, bytes before the archive are skipped.
import { inflateRawSync } from "node:zlib";
import { InputError } from "../tensor/error.ts";
import { crc32 } from "./crc32.ts";
import { checkUnpacked, LIMITS } from "./limits.ts";

const LOCAL_HEADER = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_RECORD = 0x06054b50;
const ZIP64_END_RECORD = 0x06064b50;
const ZIP64_LOCATOR = 0x07064b50;
const LOCAL_HEADER_BYTES = 30;
const ENTRY_BYTES = 46;
const END_RECORD_BYTES = 22;
const ZIP64_LOCATOR_BYTES = 20;
const MAX_COMMENT_BYTES = 0xffff;
const IN_ZIP64 = 0xffffffff; // A 32-bit field with this value has its true value in the ZIP64 extra field.

/** An open archive. */
export interface Zip {
  /** Names of all members, in the directory's order, each once. */
  readonly names: readonly string[];
  /**
   * A member unpacked and checked; throws `InputError` naming file and member if it is damaged,
   * encrypted, packed by another method, appears twice or unpacks to more than the limit.
   */
  readonly read: (name: string) => Uint8Array;
}

interface Entry {
  name: string;
  nameBytes: Uint8Array;
  flags: number;
  method: number;
  crc: number;
  packedBytes: number;
  bytes: number;
  offset: number;
}

/**
 * Opens an archive by its directory alone; throws `InputError` naming `file` if it has none, a
 * record lies outside or members overlap.
 */
export function openZip(archive: Uint8Array, file: string): Zip {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.length);
  const entries = new Map<string, Entry[]>();
  inside(file, () => {
    const end = endRecord(view, file);
    const list = directory(archive, view, end, file);
    checkApart(view, list, end.begin, file);
    for (const entry of list) {
      const named = entries.get(entry.name);
      if (named === undefined) entries.set(entry.name, [entry]);
      else named.push(entry);
    }
  });
  return {
    names: [...entries.keys()],
    read: (name) => {
      const where = `${file}: member ${JSON.stringify(name)}`;
      const [entry, twice] = entries.get(name) ?? [];
      if (entry === undefined) throw new InputError(`${where} is not in the archive`);
      if (twice !== undefined) throw new InputError(`${where} appears twice`);
      return inside(file, () => unpack(archive, view, entry, where));
    },
  };
}

/** Every offset comes from the file; DataView refuses those that point out of it. */
function inside<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`${file}: a record lies outside the archive; it is cut short or damaged`);
  }
}

interface EndRecord {
  /** The start and end of the directory in the file, and its number of entries. */
  readonly begin: number;
  readonly end: number;
  readonly count: number;
  /** Bytes before the archive, which its own offsets do not count. */
  readonly shift: number;
}

/** The last position at which an end record and its comment end the file. */
function endRecord(view: DataView, file: string): EndRecord {
  const last = view.byteLength - END_RECORD_BYTES;
  let end = last;
  while (view.byteLength < END_RECORD_BYTES || !isEndRecord(view, end, last - end)) {
    end--;
    if (end < 0 || end < last - MAX_COMMENT_BYTES) {
      throw new InputError(`${file}: not a zip archive, or one cut short (it has no end record)`);
    }
  }
  let count = view.getUint16(end + 10, true);
  let bytes = view.getUint32(end + 12, true);
  let offset = view.getUint32(end + 16, true);
  const locator = end - ZIP64_LOCATOR_BYTES;
  if (locator >= 0 && view.getUint32(locator, true) === ZIP64_LOCATOR) {
    end = zip64EndRecord(view, locator, file);
    count = Number(view.getBigUint64(end + 32, true));
    bytes = Number(view.getBigUint64(end + 40, true));
    offset = Number(view.getBigUint64(end + 48, true));
  }
  if (count > LIMITS.zip_members) {
    throw new InputError(`${file}: ${count} members, at most ${LIMITS.zip_members} are read`);
  }
  const begin = end - bytes;
  if (begin < offset) {
    throw new InputError(`${file}: its directory is not where it says; it is cut short or damaged`);
  }
  return { begin, end, count, shift: begin - offset };
}

function isEndRecord(view: DataView, at: number, commentBytes: number): boolean {
  return view.getUint32(at, true) === END_RECORD && view.getUint16(at + 20, true) === commentBytes;
}

/**
 * The offset of the ZIP64 end record: before its locator, which gives it without the bytes before
 * the archive.
 */
function zip64EndRecord(view: DataView, locator: number, file: string): number {
  const stated = Number(view.getBigUint64(locator + 8, true));
  for (const at of [locator - 56, stated]) {
    if (at >= 0 && at < locator && view.getUint32(at, true) === ZIP64_END_RECORD) return at;
  }
  throw new InputError(`${file}: the ZIP64 end record is missing; the archive is damaged`);
}

function directory(
  archive: Uint8Array,
  view: DataView,
  { begin, end, count, shift }: EndRecord,
  file: string,
): Entry[] {
  const entries: Entry[] = [];
  let at = begin;
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== DIRECTORY_ENTRY) {
      throw new InputError(`${file}: directory entry ${i} of ${count} is damaged`);
    }
    const nameEnd = at + ENTRY_BYTES + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const nameBytes = archive.subarray(at + ENTRY_BYTES, nameEnd);
    const entry: Entry = {
      name: new TextDecoder().decode(nameBytes).normalize("NFC"),
      nameBytes,
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packedBytes: view.getUint32(at + 20, true),
      bytes: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    readZip64Fields(view, entry, nameEnd, extraEnd);
    entry.offset += shift;
    entries.push(entry);
    at = extraEnd + view.getUint16(at + 32, true);
  }
  if (at !== end)
    throw new InputError(
      `${file}: its directory does not have ${count} entries; the file is damaged`,
    );
  return entries;
}

/** Members that share bytes let a small archive unpack to any size. */
function checkApart(view: DataView, entries: readonly Entry[], end: number, file: string): void {
  const sorted = entries.toSorted((a, b) => a.offset - b.offset);
  for (const [i, entry] of sorted.entries()) {
    const next = sorted[i + 1]?.offset ?? end;
    if (dataBegin(view, entry) + entry.packedBytes <= next) continue;
    const where = `${file}: member ${JSON.stringify(entry.name)}`;
    throw new InputError(`${where} reaches into the next one or the directory; it is damaged`);
  }
}

function dataBegin(view: DataView, { offset }: Entry): number {
  const variable = view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  return offset + LOCAL_HEADER_BYTES + variable;
}

/** 64-bit values for the fields of `entry` that need them, which are in this order. */
function readZip64Fields(view: DataView, entry: Entry, begin: number, end: number): void {
  for (let at = begin; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let value = at + 4;
    for (const field of ["bytes", "packedBytes", "offset"] as const) {
      if (entry[field] !== IN_ZIP64) continue;
      entry[field] = Number(view.getBigUint64(value, true));
      value += 8;
    }
    return;
  }
}

function unpack(archive: Uint8Array, view: DataView, entry: Entry, where: string): Uint8Array {
  const { offset, packedBytes, method } = entry;
  if (entry.flags & 1) throw new InputError(`${where} is encrypted; save it without a password`);
  const nameEnd = offset + LOCAL_HEADER_BYTES + view.getUint16(offset + 26, true);
  const localName = archive.subarray(offset + LOCAL_HEADER_BYTES, nameEnd);
  const isSame = Buffer.compare(localName, entry.nameBytes) === 0;
  if (view.getUint32(offset, true) !== LOCAL_HEADER || !isSame) {
    throw new InputError(`${where}: its local header is damaged`);
  }
  const begin = dataBegin(view, entry);
  const packed = archive.subarray(begin, begin + packedBytes);
  if (method !== 0 && method !== 8) {
    throw new InputError(
      `${where}: compression method ${method}, known are 0 (none) and 8 (deflate)`,
    );
  }
  checkUnpacked(packedBytes, entry.bytes, where);
  const bytes = method === 0 ? packed : inflate(packed, entry.bytes, where);
  if (bytes.length !== entry.bytes || crc32(bytes) !== entry.crc) {
    throw new InputError(`${where}: its size or checksum is wrong; the file is damaged`);
  }
  return bytes;
}

function inflate(packed: Uint8Array, bytes: number, where: string): Uint8Array {
  try {
    // The stated size bounds the memory that a damaged or hostile stream can take.
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, bytes) });
  } catch {
    throw new InputError(`${where}: cannot be inflated; the file is damaged`);
  }
}
