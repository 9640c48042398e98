// Resampling at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  resizeBilinear,
  resizeBilinearGrad,
  resizeNearest,
  resizeNearestGrad,
} from "../../src/kernels/resize.ts";

const [x, y] = [
  [6, 24, 40, 64],
  [6, 48, 80, 64],
];
const nearest = { size: [48, 80], corners: "asymmetric", rounding: "floor" } as const;
const bilinear = { size: [48, 80], corners: "align" } as const;
const from = [24, 40] as const;
const depth = { size: [96, 160], corners: "half_pixel" } as const;

/** The decoder's last doubling, by both rules, and depth to the size of the image. */
export const cases: readonly KernelProblem[] = [
  { name: "nearest to 6x48x80x64", kernel: resizeNearest, shapes: { x }, attributes: nearest },
  {
    name: "nearest gradient 6x48x80x64",
    kernel: resizeNearestGrad,
    shapes: { d_y: y },
    attributes: { ...nearest, from },
  },
  { name: "bilinear to 6x48x80x64", kernel: resizeBilinear, shapes: { x }, attributes: bilinear },
  {
    name: "bilinear gradient 6x48x80x64",
    kernel: resizeBilinearGrad,
    shapes: { d_y: y },
    attributes: { ...bilinear, from },
  },
  {
    name: "depth to 6x96x160x1",
    kernel: resizeBilinear,
    shapes: { x: [6, 48, 80, 1] },
    attributes: depth,
  },
];
