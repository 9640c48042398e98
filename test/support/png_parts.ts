// PNG files put together by hand, right or wrong.
import { deflateSync } from "node:zlib";
import { crc32 } from "../../src/formats/crc32.ts";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** A file of chunks behind the signature. */
export function pngFile(...chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat([SIGNATURE, ...chunks]);
}

/** A chunk with its length and checksum. */
export function pngChunk(type: string, content: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = Buffer.concat([
    Buffer.alloc(4),
    Buffer.from(type, "latin1"),
    content,
    Buffer.alloc(4),
  ]);
  bytes.writeUInt32BE(content.length, 0);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), bytes.length - 4);
  return bytes;
}

/** IHDR of a size; depth, colour type, compression, filter and interlace follow. */
export function pngHeader(width: number, height: number, ...rest: readonly number[]): Buffer {
  const content = Buffer.alloc(13);
  content.writeUInt32BE(width, 0);
  content.writeUInt32BE(height, 4);
  content.set(
    [16, 0, 0, 0, 0].map((usual, i) => rest[i] ?? usual),
    8,
  );
  return pngChunk("IHDR", content);
}

/** IDAT of rows, each with its filter byte. */
export function pngData(rows: Uint8Array): Buffer {
  return pngChunk("IDAT", deflateSync(rows, { level: 9 }));
}

/** Puts the checksum of every chunk right whose length is still within the file. */
export function withChecksums(file: Buffer): Buffer {
  for (let at = 8; at + 12 <= file.length;) {
    const end = at + 8 + file.readUInt32BE(at);
    if (end + 4 > file.length) break;
    file.writeUInt32BE(crc32(file.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return file;
}
