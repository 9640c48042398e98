// Camera images and masks, decoded and resized by sharp: JPEG and PNG, recognised by content. A
// broken file is an error: sharp must fail even on a decoder's warning, instead of filling in grey.
import sharp from "sharp";
import type { Sharp } from "sharp";
import { imageSize } from "../formats/image_structure.ts";
import { LIMITS } from "../formats/limits.ts";
import { InputError } from "../tensor/error.ts";
import type { ImageSize } from "./camera.ts";

/** Maximum size of an image file in bytes. */
export const IMAGE_LIMIT_BYTES: number = 256 * 2 ** 20;

/**
 * The image of a camera as sRGB bytes `[size.height, size.width, 3]`, from the bytes of a file.
 *
 * Resized with Lanczos (antialiased) from `native`, the size the camera's intrinsics belong to.
 * Throws InputError naming the file if it is empty, neither JPEG nor PNG, broken, cut short, or not
 * of size `native`.
 */
export async function decodeImage(
  bytes: Uint8Array,
  file: string,
  native: ImageSize,
  size: ImageSize,
): Promise<Uint8Array> {
  const image = openImage(bytes, file, native);
  return decode(file, image.toColourspace("srgb").removeAlpha(), size, "lanczos3", 3);
}

/** The meaning of a mask's levels. */
export interface MaskPolarity {
  /** Black pixels, and no others, show the world. */
  readonly blackIsUsable?: boolean;
  /** Transparency says nothing: the grey levels count. */
  readonly ignoresAlpha?: boolean;
}

/**
 * A self-occlusion mask `[size.height, size.width]`: 1 = usable, 0 = the vehicle's own body.
 *
 * In the file white (128 and above) is usable and black is masked: the polarity of vidar and
 * VFDepth. A file that contains only 0 and 1 is a label map, in which 1 is usable. With
 * `blackIsUsable`, SurroundDepth's polarity, exactly the black pixels are usable. Resized by nearest pixel, never blended. Throws as `decodeImage` does, and for
 * a mask that is not all black but has no usable pixel, and, unless `ignoresAlpha`, for a partly
 * transparent one, whose grey levels alone would be ambiguous.
 */
export async function decodeMask(
  bytes: Uint8Array,
  file: string,
  native: ImageSize,
  size: ImageSize,
  { ignoresAlpha = false, blackIsUsable = false }: MaskPolarity = {},
): Promise<Uint8Array> {
  if (blackIsUsable) {
    const { levels } = await greyLevels(bytes, file, native, size, ignoresAlpha);
    return Uint8Array.from(levels, (level) => (level === 0 ? 1 : 0));
  }
  const { levels, white } = await greyLevels(bytes, file, native, native, ignoresAlpha);
  let brightest = 0;
  for (const level of levels) brightest = Math.max(brightest, level);
  const least = brightest === 1 ? 1 : (white + 1) / 2;
  if (brightest > 0 && brightest < least) {
    throw new InputError(
      `${file}: the mask has no usable pixel: its brightest level is ${brightest} of ${white}; a ` +
        `pixel is usable from ${least} up, or at 1 in a mask that has only 0 and 1`,
    );
  }
  const resized = await greyLevels(bytes, file, native, size, ignoresAlpha);
  return Uint8Array.from(resized.levels, (level) => (level >= least ? 1 : 0));
}

/** Grey levels `[size.height, size.width]`, 8 or 16 bits as in the file, by nearest pixel. */
async function greyLevels(
  bytes: Uint8Array,
  file: string,
  native: ImageSize,
  size: ImageSize,
  ignoresAlpha: boolean,
): Promise<{ levels: Uint8Array | Uint16Array; white: number }> {
  const image = openImage(bytes, file, native);
  const { depth, hasAlpha } = await image.metadata().catch(() => fail(file));
  // Marks made by transparency would be ignored silently.
  if (hasAlpha && !ignoresAlpha && !(await image.stats().catch(() => fail(file))).isOpaque) {
    throw new InputError(`${file}: the mask is transparent in places; expected grey levels only`);
  }
  // Converted to 8-bit grey by sharp, every 16-bit label would become black.
  if (depth !== "ushort") {
    const grey = image.removeAlpha().toColourspace("b-w");
    return { levels: await decode(file, grey, size, "nearest", 1), white: 255 };
  }
  const grey = image.removeAlpha().toColourspace("grey16");
  const words = await decode(file, grey, size, "nearest", 1, "ushort");
  return { levels: new Uint16Array(words.buffer), white: 65_535 };
}

function openImage(bytes: Uint8Array, file: string, native: ImageSize): Sharp {
  const { width, height } = imageSize(bytes, file);
  if (width !== native.width || height !== native.height) {
    throw new InputError(
      `${file}: image is ${width} x ${height} pixels (width x height); its camera has ` +
        `${native.width} x ${native.height}`,
    );
  }
  return sharp(bytes, { failOn: "warning", limitInputPixels: LIMITS.image_pixels, pages: 1 });
}

async function decode(
  file: string,
  image: Sharp,
  { width, height }: ImageSize,
  kernel: "lanczos3" | "nearest",
  channels: number,
  depth: "uchar" | "ushort" = "uchar",
): Promise<Uint8Array> {
  // Shrinking while decoding rounds an odd size down, which would shift the image.
  const resized = image.resize(width, height, { fit: "fill", kernel, fastShrinkOnLoad: false });
  const bytes = await resized
    .raw({ depth })
    .toBuffer()
    .catch(() => fail(file));
  const values = bytes.length / (depth === "ushort" ? 2 : 1);
  if (values !== width * height * channels) {
    const found = values / (width * height);
    throw new InputError(`${file}: decodes to ${found} channels; expected ${channels}`);
  }
  // Copied out of Node's pool, so that the array owns its buffer.
  return Uint8Array.from(bytes);
}

// The decoder's own message is not meant for users and may quote the file.
function fail(file: string): never {
  throw new InputError(`${file}: cannot decode the image: it is damaged or cut short`);
}
