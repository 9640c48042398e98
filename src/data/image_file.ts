// Camera images and masks from files, decoded and resized by sharp. A broken file is an error:
// sharp is told to refuse whatever its decoder so much as warns about, instead of filling in grey.
import sharp from "sharp";
import type { Sharp } from "sharp";
import { readBytes } from "../formats/atomic_file.ts";
import { InputError } from "../tensor/error.ts";
import type { ImageSize } from "./camera.ts";

/**
 * The image file of a camera as sRGB bytes `[size.height, size.width, 3]`.
 *
 * Resized with Lanczos (antialiased) from `native`, the size the camera's intrinsics belong to.
 * Throws InputError naming the file: missing, broken, cut short, or of another size than `native`.
 */
export async function readImage(
  file: string,
  native: ImageSize,
  size: ImageSize,
): Promise<Uint8Array> {
  const image = await openImage(file, native);
  return decode(file, image.toColourspace("srgb").removeAlpha(), size, "lanczos3", 3);
}

/**
 * A self-occlusion mask `[size.height, size.width]`: 1 = usable, 0 = the vehicle's own body.
 *
 * In the file white (128 and above) is usable and black is masked: the polarity of vidar and
 * VFDepth; SurroundDepth's masks are the other way round and need inverting. Nearest pixel, never
 * blended.
 */
export async function readMask(
  file: string,
  native: ImageSize,
  size: ImageSize,
): Promise<Uint8Array> {
  const image = await openImage(file, native);
  const grey = await decode(file, image.removeAlpha().toColourspace("b-w"), size, "nearest", 1);
  return grey.map((level) => (level >= 128 ? 1 : 0));
}

async function openImage(file: string, native: ImageSize): Promise<Sharp> {
  const image = sharp(await readBytes(file), { failOn: "warning" });
  const { width, height } = await image.metadata().catch((error: unknown) => fail(file, error));
  if (width !== native.width || height !== native.height) {
    throw new InputError(
      `${file}: image is ${width} x ${height} pixels (width x height); its camera has ` +
        `${native.width} x ${native.height}`,
    );
  }
  return image;
}

async function decode(
  file: string,
  image: Sharp,
  { width, height }: ImageSize,
  kernel: "lanczos3" | "nearest",
  channels: number,
): Promise<Uint8Array> {
  // Shrinking while decoding rounds an odd size down, which would shift the image.
  const resized = image.resize(width, height, { fit: "fill", kernel, fastShrinkOnLoad: false });
  const bytes = await resized
    .raw()
    .toBuffer()
    .catch((error: unknown) => fail(file, error));
  if (bytes.length !== width * height * channels) {
    const found = bytes.length / (width * height);
    throw new InputError(`${file}: decodes to ${found} channels; expected ${channels}`);
  }
  // Copied out of Node's pool, so that the array owns its buffer.
  return Uint8Array.from(bytes);
}

function fail(file: string, error: unknown): never {
  const reason = (error as Error).message.trim().split("\n")[0];
  // sharp's own words for a decoder's warning name its option, not the fault.
  const known = reason.includes("failOn") ? "it is damaged or cut short" : reason;
  throw new InputError(`${file}: cannot decode the image: ${known}`);
}
