// Reads the plain files of a tar archive in memory. Knows ustar headers, no links and no long-name
// extensions.

const BLOCK = 512;

/**
 * The plain files of an archive by name; throws on a header or file that is broken or cut short.
 * @param {Uint8Array} bytes
 * @returns {Map<string, Uint8Array>}
 */
export function readTar(bytes) {
  const files = new Map();
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return files; // the end mark
    const size_bytes = octal(header, 124, 12);
    if (octal(header, 148, 8) !== checksum(header))
      throw new Error(`tar: broken header at byte ${at}`);
    const name = [text(header, 345, 155), text(header, 0, 100)]
      .filter((part) => part !== "")
      .join("/");
    const start = at + BLOCK;
    if (start + size_bytes > bytes.length) throw new Error(`tar: ${name} is cut short`);
    const kind = header[156];
    if (kind === 0 || kind === 0x30) files.set(name, bytes.subarray(start, start + size_bytes));
    at = start + Math.ceil(size_bytes / BLOCK) * BLOCK;
  }
  throw new Error("tar: the archive has no end");
}

/**
 * @param {Uint8Array} header
 * @param {number} at
 * @param {number} length
 */
function text(header, at, length) {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString("utf8");
}

/**
 * @param {Uint8Array} header
 * @param {number} at
 * @param {number} length
 */
function octal(header, at, length) {
  return Number.parseInt(text(header, at, length).trim() || "0", 8);
}

/**
 * The sum of the header's bytes, its own field counted as blanks.
 * @param {Uint8Array} header
 */
function checksum(header) {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 0x20 : byte), 0);
}
