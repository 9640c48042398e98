// Normalisation at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { normGeometry } from "../../src/kernels/norm_geometry.ts";
import {
  normApply,
  normGradChannel,
  normGradGroup,
  normGradInput,
  normGradPartial,
  normPartial,
  normRunning,
  normStatistics,
} from "../../src/kernels/norm.ts";

const x = [6, 48, 80, 16];
const statistics = { mean: [6, 2], variance: [6, 2] };
const attributes = { batches: 6, groups: 2, epsilon: 1e-5 };
const { slabs } = normGeometry(x, attributes);
const [slab_means, slab_sums] = [
  [6, slabs, 2],
  [6, slabs, 16],
];
const channels = { gamma: [16], group_sum: [6, 2], group_dot: [6, 2] };

/** Group norm of the finest feature of nano. */
export const cases: readonly KernelProblem[] = [
  { name: "statistics 6x48x80x16", kernel: normPartial, shapes: { x }, attributes },
  {
    name: "apply 6x48x80x16",
    kernel: normApply,
    shapes: { x, ...statistics, gamma: [16], beta: [16] },
    attributes,
  },
  {
    name: "gradient sums 6x48x80x16",
    kernel: normGradPartial,
    shapes: { x, d_y: x, ...statistics },
    attributes,
  },
  {
    name: "gradient 6x48x80x16",
    kernel: normGradInput,
    shapes: { x, d_y: x, ...statistics, ...channels },
    attributes: { ...attributes, fixed: false },
  },
  {
    name: "merge of statistics 6x48x80x16",
    kernel: normStatistics,
    shapes: { slab_mean: slab_means, slab_m2: slab_means },
    attributes: { ...attributes, shape: x },
    data: { slab_m2: { kind: "uniform", low: 0.2, high: 3 } },
  },
  {
    name: "gradients of scale and shift 6x48x80x16",
    kernel: normGradChannel,
    shapes: { slab_sum: slab_sums, slab_dot: slab_sums },
    attributes: undefined,
  },
  {
    name: "gradient sums of groups 6x48x80x16",
    kernel: normGradGroup,
    shapes: { slab_sum: slab_sums, slab_dot: slab_sums, gamma: [16] },
    attributes: { groups: 2 },
  },
  {
    name: "running statistics of 512 channels",
    kernel: normRunning,
    shapes: { mean: [512], variance: [512], running_mean: [512], running_variance: [512] },
    attributes: { momentum: 0.1, unbias: 1 },
    data: {
      variance: { kind: "uniform", low: 0, high: 2 },
      running_variance: { kind: "uniform", low: 0, high: 2 },
    },
  },
];
