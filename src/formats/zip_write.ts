// Writes zip archives of members that are stored, not packed. Source: PKWARE appnote 6.3.10, section
// 4.3; zip.ts reads.
import { crc32 } from "./crc32.ts";

const LOCAL_HEADER = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_RECORD = 0x06054b50;
const VERSION = 20;
// 1 January 1980, the first date that the format has: the same content gives the same bytes.
const DATE = 0x21;

/** The bytes of an archive, which must stay below 4 GiB. */
export function writeZip(members: readonly { name: string; bytes: Uint8Array }[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes } of members) {
    const nameBytes = new TextEncoder().encode(name);
    const fields = new DataView(new ArrayBuffer(26));
    fields.setUint16(0, VERSION, true);
    fields.setUint16(8, DATE, true);
    fields.setUint32(10, crc32(bytes), true);
    fields.setUint32(14, bytes.length, true);
    fields.setUint32(18, bytes.length, true);
    fields.setUint16(22, nameBytes.length, true);
    const shared = new Uint8Array(fields.buffer);
    const local = new Uint8Array(30 + nameBytes.length);
    new DataView(local.buffer).setUint32(0, LOCAL_HEADER, true);
    local.set(shared, 4);
    local.set(nameBytes, 30);
    const entry = new Uint8Array(46 + nameBytes.length);
    const view = new DataView(entry.buffer);
    view.setUint32(0, DIRECTORY_ENTRY, true);
    view.setUint16(4, VERSION, true);
    entry.set(shared, 6);
    view.setUint32(42, offset, true);
    entry.set(nameBytes, 46);
    parts.push(local, bytes);
    directory.push(entry);
    offset += local.length + bytes.length;
  }
  const directoryBytes = directory.reduce((sum, { length }) => sum + length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, END_RECORD, true);
  end.setUint16(8, members.length, true);
  end.setUint16(10, members.length, true);
  end.setUint32(12, directoryBytes, true);
  end.setUint32(16, offset, true);
  return Buffer.concat([...parts, ...directory, new Uint8Array(end.buffer)]);
}
