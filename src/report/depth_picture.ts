// Depth maps as pictures for people. Depth that is read again goes through png16.ts or npy.ts.
import type { ImageSize } from "../data/camera.ts";
import { writeColorPng } from "../formats/color_png.ts";
import { bilinearAt, type DepthMap } from "../evaluate/sample_depth.ts";
import { depthColors, type DepthScale } from "./depth_colors.ts";
import type { Picture } from "./picture.ts";

/** The depth map in colour, resized bilinearly to `size` (its own if left out). */
export function depthPicture(map: DepthMap, scale: DepthScale, size: ImageSize = map): Picture {
  const { height, width } = size;
  return { height, width, rgb: depthColors(resizeDepth(map, size), scale) };
}

/** The bytes of a colour PNG of a depth map, at its own size. */
export async function writeDepthPicture(map: DepthMap, scale: DepthScale): Promise<Uint8Array> {
  const { height, width, rgb } = depthPicture(map, scale);
  return writeColorPng(rgb, height, width);
}

/** `map` at `size`, bilinear with half-pixel centres, `[height * width]`. */
export function resizeDepth(map: DepthMap, { height, width }: ImageSize): Float64Array {
  const sx = map.width / width;
  const sy = map.height / height;
  return Float64Array.from({ length: height * width }, (_, pixel) => {
    const column = pixel % width;
    const row = Math.floor(pixel / width);
    return bilinearAt(map, (column + 0.5) * sx - 0.5, (row + 0.5) * sy - 0.5);
  });
}
