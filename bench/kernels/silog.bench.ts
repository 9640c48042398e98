// The scale-invariant log loss at the size of the images.
import { silog, silogFinish, silogGrad } from "../../src/kernels/silog.ts";
import type { BenchCase } from "../bench_case.ts";

const attributes = { variance_focus: 0.85, scale: 10 };
const map = [6, 96, 160, 1];
const inputs = { depth: map, depth_m: map, valid: map };

/** Six depth maps of 96x160. */
export const cases: readonly BenchCase[] = [
  { name: "moments 6x96x160", kernel: silog, shapes: inputs, attributes: undefined },
  { name: "finish of 90 slabs", kernel: silogFinish, shapes: { partials: [90, 3] }, attributes },
  {
    name: "gradient 6x96x160",
    kernel: silogGrad,
    shapes: { ...inputs, statistics: [4], d_loss: [1] },
    attributes,
  },
];
