// The chunks of a PNG: structure, checksums and sizes, checked before anything is unpacked. Chunks
// that readers may ignore (texts, animation frames, unknown ancillary chunks) are ignored; unknown
// critical chunks are refused. png16.ts reads the pixels. Source: W3C PNG, third edition.
//
//   signature | IHDR | PLTE, tRNS and others | IDAT ... | IEND
//   each chunk: u32 length | type | data | u32 CRC-32 of type and data, big-endian
import { InputError } from "../tensor/error.ts";
import { crc32 } from "./crc32.ts";
import { checkPixels, checkUnpacked, LIMITS } from "./limits.ts";

/** The fields of IHDR, and the packed image data. */
export interface Png {
  readonly width: number;
  readonly height: number;
  /** Bits per sample. */
  readonly depth: 1 | 2 | 4 | 8 | 16;
  readonly color: "grey" | "colour" | "palette" | "grey and alpha" | "colour and alpha";
  readonly interlaced: boolean;
  /** The zlib stream. */
  readonly packed: Uint8Array;
  /** Bytes of the unpacked stream: every row of every pass, each after its filter byte. */
  readonly unpackedBytes: number;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CHUNK_BYTES = 12; // Length, type and checksum.
const MAX_DEFLATE_RATIO = 1032; // The format packs no tighter than 258 bytes into 2 bits.

// By colour type: name, channels, and allowed bit depths.
const COLORS = new Map<number, { name: Png["color"]; channels: number; depths: number[] }>([
  [0, { name: "grey", channels: 1, depths: [1, 2, 4, 8, 16] }],
  [2, { name: "colour", channels: 3, depths: [8, 16] }],
  [3, { name: "palette", channels: 1, depths: [1, 2, 4, 8] }],
  [4, { name: "grey and alpha", channels: 2, depths: [8, 16] }],
  [6, { name: "colour and alpha", channels: 4, depths: [8, 16] }],
]);

/** Adam7's passes: first column and row, steps between columns and rows. */
export const PASSES: readonly (readonly [number, number, number, number])[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/**
 * The chunks of a PNG file. Throws `InputError` naming `file` if it is not a PNG, is damaged or cut
 * short, has an unknown or misplaced critical chunk, or is larger than `LIMITS` allow.
 */
export function readPngChunks(bytes: Uint8Array, file: string): Png {
  if (bytes.length < 8 || SIGNATURE.some((byte, i) => bytes[i] !== byte)) {
    throw new InputError(`${file}: not a PNG file (it does not start with the PNG signature)`);
  }
  const fail = (fault: string): never => {
    throw new InputError(`${file}: PNG: ${fault}; the file is damaged`);
  };
  let header: Omit<Png, "packed"> | undefined;
  let paletteColors: number | undefined;
  const data: Uint8Array[] = [];
  let previous = "";
  let count = 0;
  for (const { type, content } of chunks(bytes, file)) {
    if (++count > LIMITS.png_chunks) fail(`more than ${LIMITS.png_chunks} chunks`);
    if ((type === "IHDR") !== (header === undefined)) fail("IHDR is not its first chunk alone");
    if (type === "IHDR") {
      header = parseHeader(content, file);
    } else if (type === "PLTE") {
      if (paletteColors !== undefined || data.length > 0) fail("PLTE appears twice or too late");
      paletteColors = content.length / 3;
      const most = header!.color === "palette" ? 2 ** header!.depth : 256;
      if (!Number.isInteger(paletteColors) || paletteColors < 1 || paletteColors > most) {
        fail(`PLTE of ${content.length} bytes`);
      }
      if (header!.color.startsWith("grey")) fail("PLTE in a grey image");
    } else if (type === "IDAT") {
      if (data.length > 0 && previous !== "IDAT") fail("its image data is interrupted");
      if (header!.color === "palette" && paletteColors === undefined) fail("PLTE is missing");
      data.push(content);
    } else if (type === "IEND") {
      if (content.length > 0) fail("IEND is not empty");
      if (data.length === 0) fail("it has no image data");
      const packed = data.length === 1 ? data[0] : Buffer.concat(data);
      checkUnpacked(packed.length, header!.unpackedBytes, file);
      if (header!.unpackedBytes > packed.length * MAX_DEFLATE_RATIO) {
        fail(`${packed.length} bytes of image data are too few for its size`);
      }
      return { ...header!, packed };
    } else if (/^[A-Z]/.test(type)) {
      throw new InputError(`${file}: PNG: critical chunk ${type} is not supported`);
    }
    previous = type;
  }
  return fail("it ends without IEND; it is cut short");
}

function* chunks(
  bytes: Uint8Array,
  file: string,
): Generator<{ readonly type: string; readonly content: Uint8Array }, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = SIGNATURE.length; at < bytes.length;) {
    const length = at + CHUNK_BYTES > bytes.length ? Infinity : view.getUint32(at);
    const end = at + 8 + length;
    if (end + 4 > bytes.length) {
      throw new InputError(`${file}: PNG: the chunk at byte ${at} is cut short or damaged`);
    }
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (!/^[A-Za-z]{4}$/.test(type)) {
      throw new InputError(`${file}: PNG: the chunk at byte ${at} has no type; it is damaged`);
    }
    if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end)) {
      throw new InputError(`${file}: PNG: the checksum of ${type} at byte ${at} is wrong; damaged`);
    }
    yield { type, content: bytes.subarray(at + 8, end) };
    at = end + 4;
  }
}

function parseHeader(content: Uint8Array, file: string): Omit<Png, "packed"> {
  const fail = (fault: string): never => {
    throw new InputError(`${file}: PNG: ${fault}; the file is damaged`);
  };
  if (content.length !== 13) fail(`IHDR of ${content.length} bytes`);
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  if (width < 1 || height < 1 || width >= 2 ** 31 || height >= 2 ** 31) {
    fail(`a size of ${width} x ${height}`);
  }
  checkPixels(width, height, file);
  const [depth, type, compression, filter, interlace] = content.subarray(8);
  const color = COLORS.get(type);
  if (color === undefined || !color.depths.includes(depth)) {
    return fail(`colour type ${type} of ${depth} bits`);
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    fail(`compression ${compression}, filter method ${filter}, interlace ${interlace}`);
  }
  const interlaced = interlace === 1;
  const rows = (columns: number, count: number): number =>
    columns === 0 ? 0 : count * (1 + Math.ceil((columns * color.channels * depth) / 8));
  const unpackedBytes = interlaced
    ? PASSES.map(([x, y, dx, dy]) =>
        rows(Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)),
      ).reduce((sum, bytes) => sum + bytes)
    : rows(width, height);
  return {
    width,
    height,
    depth: depth as Png["depth"],
    color: color.name,
    interlaced,
    unpackedBytes,
  };
}
