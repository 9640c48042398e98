// Fused normalisation at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { normGeometry } from "../../src/kernels/norm_geometry.ts";
import {
  normFusedApply,
  normFusedGradInput,
  normFusedGradShared,
  normFusedGradSums,
} from "../../src/kernels/norm_fused.ts";

const x = [6, 48, 80, 16];
const statistics = { mean: [6, 2], variance: [6, 2] };
const channels = { gamma: [16], beta: [16] };
const activation = { kind: "elu", alpha: 1 } as const;
const attributes = { batches: 6, groups: 2, epsilon: 1e-5, activation };
const { slabs } = normGeometry(x, attributes);
const positive = { kind: "uniform", low: 0.2, high: 3 } as const;

/** Group norm and elu of the finest feature of nano, and their gradient. */
export const cases: readonly KernelProblem[] = [
  {
    name: "apply, residual 6x48x80x16",
    kernel: normFusedApply,
    shapes: { x, ...statistics, ...channels, residual: x },
    attributes,
    data: { variance: positive },
  },
  {
    name: "gradient sums 6x48x80x16",
    kernel: normFusedGradSums,
    shapes: { x, d_a: [6, 48, 80, 32], d_b: x, ...statistics, ...channels },
    attributes: { ...attributes, firsts: [16, 0] },
    data: { variance: positive },
  },
  {
    name: "gradients of scale and shift 6x48x80x16",
    kernel: normFusedGradShared,
    shapes: { slab_sums: [6, slabs, 2, 16], ...statistics, gamma: [16] },
    attributes,
    data: { variance: positive },
  },
  {
    name: "gradient 6x48x80x16",
    kernel: normFusedGradInput,
    shapes: { x, d_a: [6, 48, 80, 32], d_b: x, ...channels, sets: [6, 2, 4] },
    attributes: { ...attributes, firsts: [16, 0] },
    data: { sets: positive },
  },
];
