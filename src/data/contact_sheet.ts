// One picture of a moment: the images of all cameras with the LiDAR points drawn over them, near in red
// and far in blue. Whether images, poses and calibration belong together is seen at a glance.
import { colors } from "../formats/color_map.ts";
import { writeColorPng } from "../formats/color_png.ts";
import type { ImageSize } from "./camera.ts";
import { sampleShape, type RigSample } from "./rig_sample.ts";

const COLUMNS = 3;
// Front left, front, front right above back left, back, back right; views are in ring order.
const SIX = [1, 0, 5, 2, 3, 4];
const [NEAR_M, FAR_M] = [2, 80];
const REACH = 1;

/** Views in the order of the sheet, row by row. */
function sheetOrder(views: number): number[] {
  return views === SIX.length ? SIX : Array.from({ length: views }, (_, view) => view);
}

/** Size of an image on a sheet: 640 columns, in the proportions of `native`. */
export function sheetSize(native: ImageSize): ImageSize {
  const width = Math.min(640, native.width);
  return { width, height: Math.max(1, Math.round((native.height * width) / native.width)) };
}

/** The sheet of a sample as PNG bytes. */
export async function contactSheet(sample: RigSample): Promise<Uint8Array> {
  const [views, height, width] = sampleShape(sample);
  const rows = Math.ceil(views / COLUMNS);
  const columns = Math.min(views, COLUMNS);
  const rgb = new Uint8Array(rows * height * columns * width * 3);
  const table = colors("turbo");
  for (const [place, view] of sheetOrder(views).entries()) {
    const top = Math.floor(place / COLUMNS) * height;
    const left = (place % COLUMNS) * width;
    const at = (row: number, column: number): number =>
      ((top + row) * columns * width + left + column) * 3;
    for (let row = 0; row < height; row++) {
      const from = (view * height + row) * width * 3;
      rgb.set(sample.images.subarray(from, from + width * 3), at(row, 0));
    }
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const depth_m = sample.sparse_depth_m[(view * height + row) * width + column];
        if (!(depth_m > 0)) continue;
        const share = Math.log(depth_m / NEAR_M) / Math.log(FAR_M / NEAR_M);
        const index = Math.round(255 * (1 - Math.min(1, Math.max(0, share))));
        const color = table.subarray(index * 3, index * 3 + 3);
        for (let y = Math.max(0, row - REACH); y <= Math.min(height - 1, row + REACH); y++) {
          for (let x = Math.max(0, column - REACH); x <= Math.min(width - 1, column + REACH); x++) {
            rgb.set(color, at(y, x));
          }
        }
      }
    }
  }
  return await writeColorPng(rgb, rows * height, columns * width);
}
