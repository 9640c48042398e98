// Depth from features in one kernel, and its gradients, with few channels and with many.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  binHead,
  binHeadGradFeatures,
  binHeadGradWeight,
} from "../../src/kernels/depth_bins/bin_head.ts";

/** 128 bins at half resolution, centres of the image. */
export const cases: readonly KernelProblem[] = [16, 128].flatMap((channels): KernelProblem[] => {
  const shapes = {
    features: [6, 48, 80, channels],
    weight: [128, 1, 1, channels],
    bias: [128],
    centers: [6, 1, 1, 128],
  };
  const data = { weight: { kind: "normal", deviation: 0.1 } } as const;
  const size = `6x48x80x${channels} to 128 bins`;
  const gradient = { shapes: { ...shapes, factors: [6, 48, 80, 8] }, attributes: undefined, data };
  return [
    {
      name: `depth from features ${size}`,
      kernel: binHead,
      shapes: { ...shapes, scale: [6] },
      attributes: undefined,
      data,
    },
    { name: `gradient by features ${size}`, kernel: binHeadGradFeatures, ...gradient },
    { name: `gradient by weight, bias, centres ${size}`, kernel: binHeadGradWeight, ...gradient },
  ];
});
