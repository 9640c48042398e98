// 16-bit grey PNG, and depth in it as KITTI, DDAD and ZoeDepth keep it: metres * 256, 0 = none, so
// steps of 3.9 mm up to 255.996 m. Written by sharp, read here: general decoders convert samples by
// gamma and profile, and tolerate damage. color_png.ts writes colour.
import { inflateSync } from "node:zlib";
import sharp from "sharp";
import { InputError } from "../tensor/error.ts";
import { checkOptions } from "../tensor/options.ts";
import { PASSES, readPngChunks, type Png } from "./png.ts";

/** A grey image of 16 bits: `data [height, width]`. */
export interface Grey16Image {
  readonly height: number;
  readonly width: number;
  readonly data: Uint16Array;
}

/** A depth map in metres, 0 = none: `depth_m [height, width]`. */
export interface DepthImage {
  readonly height: number;
  readonly width: number;
  readonly depth_m: Float32Array;
}

const SIZE = { height: "number", width: "number" } as const;

// KITTI's devkit: "depth(u,v) = ((float)I(u,v)) / 256.0; valid(u,v) = I(u,v) > 0".
const STEPS_PER_METRE = 256;
const MAX_SAMPLE = 65_535;

/** The bytes of a 16-bit grey PNG; throws if `data` does not fit the size. */
export async function writeGrey16Png(image: Grey16Image): Promise<Uint8Array> {
  checkOptions("writeGrey16Png", image, { ...SIZE, data: "any" });
  const { height, width, data } = image;
  if (data.length !== height * width || data.length === 0) {
    throw new InputError(`writeGrey16Png: ${data.length} samples for [${height}, ${width}]`);
  }
  // Without the colour space, sharp writes 8-bit RGB.
  return sharp(data, { raw: { width, height, channels: 1 } })
    .toColourspace("grey16")
    .png()
    .toBuffer();
}

/**
 * Reads a 16-bit grey PNG; throws `InputError` naming `file` for any other or broken image and for
 * one beyond `LIMITS`.
 */
export async function readGrey16Png(bytes: Uint8Array, file: string): Promise<Grey16Image> {
  const png = readPngChunks(bytes, file);
  const { width, height, depth, color, interlaced } = png;
  if (depth !== 16 || color !== "grey") {
    throw new InputError(`${file}: PNG of ${depth}-bit ${color}; save it as 16-bit grey`);
  }
  const rows = unpack(png, file);
  const data = new Uint16Array(width * height);
  let from = 0;
  for (const [x, y, dx, dy] of interlaced ? PASSES : WHOLE) {
    const columns = Math.ceil((width - x) / dx);
    if (columns <= 0) continue;
    const rowBytes = 1 + 2 * columns;
    let above: Uint8Array = new Uint8Array(rowBytes);
    for (let row = y; row < height; row += dy) {
      const samples = rows.subarray(from, from + rowBytes);
      if (!unfilter(samples, above)) {
        throw new InputError(
          `${file}: PNG: unknown filter ${samples[0]} in row ${row} (0 to 4 exist); the file is damaged`,
        );
      }
      for (let i = 1, to = row * width + x; i < rowBytes; i += 2, to += dx) {
        data[to] = samples[i] * 256 + samples[i + 1];
      }
      above = samples;
      from += rowBytes;
    }
  }
  return { height, width, data };
}

const WHOLE: typeof PASSES = [[0, 0, 1, 1]];

function unpack({ packed, unpackedBytes }: Png, file: string): Uint8Array {
  let rows: Uint8Array;
  try {
    rows = inflateSync(packed, { maxOutputLength: unpackedBytes });
  } catch {
    throw new InputError(`${file}: PNG: its image data cannot be unpacked; the file is damaged`);
  }
  if (rows.length === unpackedBytes) return rows;
  throw new InputError(
    `${file}: PNG: its image data unpacks to ${rows.length} bytes, expected ${unpackedBytes}; ` +
      `the file is cut short or damaged`,
  );
}

const SAMPLE_BYTES = 2;

/** Undoes the filter of a row in place, given the row above it; false if the filter is unknown. */
function unfilter(row: Uint8Array, above: Uint8Array): boolean {
  const [filter] = row;
  if (filter > 4) return false;
  if (filter === 0) return true;
  for (let i = 1; i < row.length; i++) {
    const left = i > SAMPLE_BYTES ? row[i - SAMPLE_BYTES] : 0;
    const up = above[i];
    if (filter === 1) row[i] += left;
    else if (filter === 2) row[i] += up;
    else if (filter === 3) row[i] += (left + up) >> 1;
    else row[i] += paeth(left, up, i > SAMPLE_BYTES ? above[i - SAMPLE_BYTES] : 0);
  }
  return true;
}

/** The neighbour that is nearest to left + up - corner; PNG, section 9.4. */
function paeth(left: number, up: number, corner: number): number {
  const [toLeft, toUp] = [Math.abs(up - corner), Math.abs(left - corner)];
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/**
 * The bytes of a depth PNG: rounded to the nearest step (truncation, as in KITTI's own files, is
 * half a step short on average), saturated at 255.996 m. Throws `InputError` for NaN and below 0.
 */
export async function writeDepthPng(image: DepthImage): Promise<Uint8Array> {
  checkOptions("writeDepthPng", image, { ...SIZE, depth_m: "any" });
  const { height, width, depth_m } = image;
  const data = Uint16Array.from(depth_m, (depth, pixel) => {
    if (typeof depth === "number" && depth >= 0)
      return Math.min(MAX_SAMPLE, Math.round(depth * STEPS_PER_METRE));
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    throw new InputError(
      `depth ${String(depth)} m at row ${row}, column ${column} cannot be written`,
    );
  });
  return writeGrey16Png({ height, width, data });
}

/** Reads a depth PNG; throws `InputError` naming `file` if it is not a 16-bit grey PNG. */
export async function readDepthPng(bytes: Uint8Array, file: string): Promise<DepthImage> {
  const { height, width, data } = await readGrey16Png(bytes, file);
  return { height, width, depth_m: Float32Array.from(data, (steps) => steps / STEPS_PER_METRE) };
}
