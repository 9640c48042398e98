// 16-bit grey PNG through sharp, and depth in it as KITTI, DDAD and ZoeDepth keep it:
// metres * 256, 0 = none, so steps of 3.9 mm up to 255.996 m. Colour is color_png.ts's.
import sharp from "sharp";
import { InputError } from "../tensor/error.ts";

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

// KITTI's devkit: "depth(u,v) = ((float)I(u,v)) / 256.0; valid(u,v) = I(u,v) > 0".
const STEPS_PER_METRE = 256;
const MAX_SAMPLE = 65_535;

/** The bytes of a 16-bit grey PNG; throws where `data` misfits the size. */
export async function writeGrey16Png({ height, width, data }: Grey16Image): Promise<Uint8Array> {
  if (data.length !== height * width || data.length === 0) {
    throw new Error(`writeGrey16Png: ${data.length} samples for [${height}, ${width}]`);
  }
  // Without the colour space, sharp writes 8-bit RGB.
  return sharp(data, { raw: { width, height, channels: 1 } })
    .toColourspace("grey16")
    .png()
    .toBuffer();
}

/** Reads a 16-bit grey PNG; throws `InputError` naming `file` for any other or broken image. */
export async function readGrey16Png(bytes: Uint8Array, file: string): Promise<Grey16Image> {
  let kind = "broken";
  try {
    const image = sharp(bytes);
    const { format, depth, channels, width, height } = await image.metadata();
    kind = `${channels}-channel ${depth === "ushort" ? "16" : "8"}-bit ${format}`;
    if (kind === "1-channel 16-bit png") {
      // Without both settings, sharp gives three channels and other numbers.
      const samples = await image.toColourspace("grey16").raw({ depth: "ushort" }).toBuffer();
      // Copied, since Node's buffers promise no alignment.
      return { height, width, data: new Uint16Array(new Uint8Array(samples).buffer) };
    }
  } catch (error) {
    throw new InputError(`${file}: cannot decode the PNG: ${firstLine(error)}`);
  }
  throw new InputError(`${file}: a ${kind} image, needs a 16-bit grey PNG`);
}

function firstLine(error: unknown): string {
  return (error as Error).message.trim().split("\n")[0];
}

/**
 * The bytes of a depth PNG: rounded to the nearest step (truncation, as in KITTI's own files, is
 * half a step short on average), saturated at 255.996 m. Throws `InputError` for NaN and below 0.
 */
export async function writeDepthPng({ height, width, depth_m }: DepthImage): Promise<Uint8Array> {
  const data = Uint16Array.from(depth_m, (depth, pixel) => {
    if (depth >= 0) return Math.min(MAX_SAMPLE, Math.round(depth * STEPS_PER_METRE));
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    throw new InputError(`depth ${depth} m at row ${row}, column ${column} cannot be written`);
  });
  return writeGrey16Png({ height, width, data });
}

/** Reads a depth PNG; throws `InputError` naming `file` where it is not a 16-bit grey PNG. */
export async function readDepthPng(bytes: Uint8Array, file: string): Promise<DepthImage> {
  const { height, width, data } = await readGrey16Png(bytes, file);
  return { height, width, depth_m: Float32Array.from(data, (steps) => steps / STEPS_PER_METRE) };
}
