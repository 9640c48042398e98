// Zip archives as numpy writes them: members stored or deflated, ZIP64 records; no encryption, no
// parts over several disks. Reads through the central directory, because numpy's local headers
// leave the sizes out, and checks every CRC. Source: PKWARE appnote 6.3.10, sections 4.3 and 4.5.3.
import { inflateRawSync } from "node:zlib";
import { InputError } from "../tensor/error.ts";
import { crc32 } from "./crc32.ts";

const LOCAL_HEADER = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_RECORD = 0x06054b50;
const ZIP64_END_RECORD = 0x06064b50;
const ZIP64_LOCATOR = 0x07064b50;
const END_RECORD_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const IN_ZIP64 = 0xffffffff; // A 32-bit field with this value has its own in the ZIP64 extra field.

interface Entry {
  name: string;
  flags: number;
  method: number;
  crc: number;
  packedBytes: number;
  bytes: number;
  offset: number;
}

/** All members by name, unpacked and checked; throws `InputError` naming `file` and the member. */
export function readZip(archive: Uint8Array, file: string): Map<string, Uint8Array> {
  const members = new Map<string, Uint8Array>();
  try {
    const view = new DataView(archive.buffer, archive.byteOffset, archive.length);
    for (const entry of directory(archive, view, file)) {
      const where = `${file}: member ${JSON.stringify(entry.name)}`;
      if (members.has(entry.name)) throw new InputError(`${where} stands twice`);
      members.set(entry.name, unpack(archive, view, entry, where));
    }
  } catch (error) {
    // Every offset comes from the file; DataView refuses those that point out of it.
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`${file}: a record lies outside the archive; it is cut short or damaged`);
  }
  return members;
}

function* directory(archive: Uint8Array, view: DataView, file: string): Generator<Entry> {
  const end = endRecord(view, file);
  let count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (end >= 20 && view.getUint32(end - 20, true) === ZIP64_LOCATOR) {
    const end64 = Number(view.getBigUint64(end - 12, true));
    if (view.getUint32(end64, true) !== ZIP64_END_RECORD) {
      throw new InputError(`${file}: the ZIP64 end record is missing; the archive is damaged`);
    }
    count = Number(view.getBigUint64(end64 + 32, true));
    at = Number(view.getBigUint64(end64 + 48, true));
  }
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== DIRECTORY_ENTRY) {
      throw new InputError(`${file}: directory entry ${i} of ${count} is damaged`);
    }
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const nameEnd = at + 46 + nameBytes;
    const entry: Entry = {
      name: new TextDecoder().decode(archive.subarray(at + 46, nameEnd)),
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packedBytes: view.getUint32(at + 20, true),
      bytes: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    readZip64Fields(view, entry, nameEnd, nameEnd + extraBytes);
    yield entry;
    at = nameEnd + extraBytes + view.getUint16(at + 32, true);
  }
}

/** Where the end record starts: the last place where one and its comment end the file. */
function endRecord(view: DataView, file: string): number {
  const last = view.byteLength - END_RECORD_BYTES;
  for (let at = last; at >= 0 && at >= last - MAX_COMMENT_BYTES; at--) {
    if (view.getUint32(at, true) === END_RECORD && view.getUint16(at + 20, true) === last - at) {
      return at;
    }
  }
  throw new InputError(`${file}: not a zip archive, or one cut short (it has no end record)`);
}

/** 64-bit values for the fields of `entry` that need them, which stand in this order. */
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
  if (view.getUint32(offset, true) !== LOCAL_HEADER) {
    throw new InputError(`${where}: its local header is damaged`);
  }
  const begin = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (begin + packedBytes > archive.length) {
    throw new InputError(`${where}: ${packedBytes} bytes reach past the archive's end`);
  }
  const packed = archive.subarray(begin, begin + packedBytes);
  if (method !== 0 && method !== 8) {
    throw new InputError(
      `${where}: compression method ${method}, known are 0 (none) and 8 (deflate)`,
    );
  }
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
