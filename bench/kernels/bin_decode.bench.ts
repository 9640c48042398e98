// Depth from logits in one read (fused) at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  binDecode,
  binDecodeGradCenters,
  binDecodeGradCentersSlabs,
  binDecodeGradLogits,
} from "../../src/kernels/depth_bins/bin_decode.ts";

const logits = [6, 48, 80, 128];
const one = [6, 48, 80, 1];
const saved = { scale: [0], statistics: [6, 48, 80, 2], d_depth: one };

/** 128 bins at half resolution, centres of the pixel, of the image and of the rig. */
export const cases: readonly KernelProblem[] = [
  ...(
    [
      ["pixel", logits],
      ["image", [6, 1, 1, 128]],
      ["rig", [1, 1, 1, 128]],
    ] as const
  ).map(([whose, centers]) => ({
    name: `softmax and expectation 6x48x80x128, centres of the ${whose}`,
    kernel: binDecode,
    shapes: { logits, centers, scale: [0] },
    attributes: undefined,
  })),
  {
    name: "gradient by logits 6x48x80x128",
    kernel: binDecodeGradLogits,
    shapes: { logits, centers: logits, depth: one, ...saved },
    attributes: undefined,
  },
  {
    name: "gradient by centres of the pixel 6x48x80x128",
    kernel: binDecodeGradCenters,
    shapes: { logits, ...saved },
    attributes: undefined,
  },
  {
    name: "gradient by centres of the image 6x48x80x128, slabs",
    kernel: binDecodeGradCentersSlabs,
    shapes: { logits, ...saved },
    attributes: { groups: 6 },
  },
];
