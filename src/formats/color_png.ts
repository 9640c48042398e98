// 8-bit sRGB pictures as PNG, for people; depth that is read again goes through png16.ts.
import sharp from "sharp";

/** The bytes of an RGB PNG of `rgb [height, width, 3]`; throws if `rgb` does not fit the size. */
export async function writeColorPng(
  rgb: Uint8Array,
  height: number,
  width: number,
): Promise<Uint8Array> {
  if (rgb.length !== height * width * 3 || rgb.length === 0) {
    throw new Error(`writeColorPng: ${rgb.length} samples for [${height}, ${width}, 3]`);
  }
  return sharp(rgb, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
