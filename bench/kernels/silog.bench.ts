// The scale-invariant log loss at the size of the images.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { silog, silogFinish, silogGrad } from "../../src/kernels/silog.ts";

const attributes = { variance_focus: 0.85, scale: 10 };
const map = [6, 96, 160, 1];
const inputs = { depth: map, depth_m: map, valid: map };
const depths = {
  depth: { kind: "uniform", low: 1, high: 60 },
  depth_m: { kind: "uniform", low: 1, high: 60 },
  valid: { kind: "mask", share: 0.3 },
} as const;

/** Six depth maps of 96x160. */
export const cases: readonly KernelProblem[] = [
  { name: "moments 6x96x160", kernel: silog, shapes: inputs, attributes: undefined, data: depths },
  {
    name: "finish of 90 slabs",
    kernel: silogFinish,
    shapes: { partials: [90, 3] },
    attributes,
    data: { partials: { kind: "uniform", low: 0.1, high: 40 } },
  },
  {
    name: "gradient 6x96x160",
    kernel: silogGrad,
    shapes: { ...inputs, statistics: [4], d_loss: [1] },
    attributes,
    data: { ...depths, statistics: { kind: "uniform", low: 2, high: 3 } },
  },
];
