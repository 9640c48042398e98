// The losses in metres at the size of the images.
import {
  depthError,
  depthErrorGrad,
  depthErrorPeak,
  depthErrorThreshold,
} from "../../src/kernels/depth_error.ts";
import type { KernelProblem } from "../../src/engine/kernel.ts";

const attributes = { scale: 0.1 };
const map = [6, 96, 160, 1];
const inputs = { depth: map, depth_m: map, valid: map };
const depths = {
  depth: { kind: "uniform", low: 1, high: 60 },
  depth_m: { kind: "uniform", low: 1, high: 60 },
  valid: { kind: "mask", share: 0.3 },
  threshold: { kind: "constant", value: 10 },
} as const;

/** Six depth maps of 96x160. */
export const cases: readonly KernelProblem[] = [
  {
    name: "peaks 6x96x160",
    kernel: depthErrorPeak,
    shapes: inputs,
    attributes: undefined,
    data: depths,
  },
  {
    name: "threshold of 90 slabs",
    kernel: depthErrorThreshold,
    shapes: { peaks: [90] },
    attributes: undefined,
    data: { peaks: { kind: "uniform", low: 0, high: 60 } },
  },
  {
    name: "reverse Huber 6x96x160",
    kernel: depthError,
    shapes: { ...inputs, threshold: [1] },
    attributes,
    data: depths,
  },
  {
    name: "gradient 6x96x160",
    kernel: depthErrorGrad,
    shapes: { ...inputs, threshold: [1], d_cost: map },
    attributes,
    data: depths,
  },
];
