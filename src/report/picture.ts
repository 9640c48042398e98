// Pictures in memory: sRGB bytes, resized, pasted and drawn over. Callers decide what they show.
import sharp from "sharp";
import type { ImageSize } from "../data/camera.ts";
import type { Rgb } from "../formats/color_map.ts";

/** An sRGB picture `rgb` `[height, width, 3]` in bytes. */
export interface Picture extends ImageSize {
  readonly rgb: Uint8Array;
}

/** A picture of one colour. */
export function blankPicture({ height, width }: ImageSize, color: Rgb): Picture {
  const rgb = new Uint8Array(height * width * 3);
  for (let i = 0; i < rgb.length; i++) rgb[i] = color[i % 3];
  return { height, width, rgb };
}

/** Copies `from` into `into` with its top left corner at (`row`, `column`); it must fit. */
export function paste(into: Picture, from: Picture, row: number, column: number): void {
  for (let y = 0; y < from.height; y++) {
    const line = from.rgb.subarray(y * from.width * 3, (y + 1) * from.width * 3);
    into.rgb.set(line, ((row + y) * into.width + column) * 3);
  }
}

/** The photograph `picture` at another size (Lanczos). */
export async function resizePicture(picture: Picture, size: ImageSize): Promise<Picture> {
  const { height, width } = size;
  const rgb = await sharp(picture.rgb, { raw: { ...rawSize(picture), channels: 3 } })
    .resize(width, height, { fit: "fill" })
    .raw()
    .toBuffer();
  return { height, width, rgb };
}

/** The picture with `svg`, whose size is the picture's, drawn over it. */
export async function overlaySvg(picture: Picture, svg: string): Promise<Picture> {
  const rgb = await sharp(picture.rgb, { raw: { ...rawSize(picture), channels: 3 } })
    .composite([{ input: Buffer.from(svg) }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return { ...rawSize(picture), rgb };
}

function rawSize({ height, width }: ImageSize): ImageSize {
  return { height, width };
}
