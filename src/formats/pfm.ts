// Portable float maps, the float images of MiDaS and Middlebury: one or three f32 samples per
// pixel. Source: Paul Debevec's PFM description (netpbm has the same).
//
//   lines "Pf" or "PF" (grey, RGB), "width height", "scale" (negative = little-endian)
//   f32 rows, bottom one first
import { InputError } from "../tensor/error.ts";
import { checkOptions } from "../tensor/options.ts";
import { decodeElements, encodeElements } from "./elements.ts";
import { checkPixels } from "./limits.ts";

/** A float image, rows from the top: `data [height, width, channels]`. */
export interface FloatImage {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly data: Float32Array;
}

const MAX_HEADER_BYTES = 128; // Three short lines; the rest may be gigabytes.
const HEADER = /^(PF|Pf)\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)(?:\r\n|\s)/;

/**
 * Reads a PFM; samples as stored, NaN and infinity too (the scale's size is ignored, as every
 * reader does; its sign is the byte order). Throws `InputError` naming `file`.
 */
export function readPfm(bytes: Uint8Array, file: string): FloatImage {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, MAX_HEADER_BYTES));
  const header = HEADER.exec(start);
  if (!header) {
    throw new InputError(`${file}: not a PFM file (it needs "Pf", width and height, scale)`);
  }
  const channels = header[1] === "PF" ? 3 : 1;
  const [width, height, scale] = header.slice(2, 5).map(Number) as [number, number, number];
  if (width === 0 || height === 0 || scale === 0) {
    throw new InputError(`${file}: PFM header: width, height and scale must not be 0`);
  }
  checkPixels(width, height, file);
  const body = bytes.subarray(header[0].length);
  const expected = height * width * channels * 4;
  if (body.length !== expected) {
    throw new InputError(
      `${file}: ${width} x ${height} x ${channels} f32 samples take ${expected} bytes, the file ` +
        `has ${body.length}; ${body.length < expected ? "it is cut short" : "it is damaged"}`,
    );
  }
  const order = new Uint8Array(body);
  if (scale > 0) for (let at = 0; at < order.length; at += 4) order.subarray(at, at + 4).reverse();
  const data = decodeElements("f32", order) as Float32Array;
  return { height, width, channels, data: upsideDown(data, height) };
}

/** The bytes of a little-endian PFM; throws if `data` does not fit the size. */
export function writePfm(image: FloatImage): Uint8Array {
  const required = { height: "number", width: "number", channels: "number", data: "any" } as const;
  checkOptions("writePfm", image, required);
  const { height, width, channels, data } = image;
  if (data.length !== height * width * channels || data.length === 0) {
    throw new Error(`writePfm: ${data.length} samples for [${height}, ${width}, ${channels}]`);
  }
  const magic = channels === 3 ? "PF" : "Pf";
  const header = new TextEncoder().encode(`${magic}\n${width} ${height}\n-1.000000\n`);
  const file = new Uint8Array(header.length + data.byteLength);
  file.set(header);
  file.set(encodeElements(upsideDown(data, height)), header.length);
  return file;
}

function upsideDown(data: Float32Array, height: number): Float32Array {
  const out = new Float32Array(data.length);
  const row = data.length / height;
  for (let y = 0; y < height; y++) {
    out.set(data.subarray(y * row, (y + 1) * row), (height - 1 - y) * row);
  }
  return out;
}
