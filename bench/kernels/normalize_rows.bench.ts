// Rows of length one: the tokens of the view relation.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { normalizeRows, normalizeRowsGrad } from "../../src/kernels/normalize_rows.ts";

const attributes = { floor: 1e-6 };
const x = [6, 240, 128];

/** 240 tokens of 128 features per view. */
export const cases: readonly KernelProblem[] = [
  { name: "rows 6x240x128", kernel: normalizeRows, shapes: { x }, attributes },
  {
    name: "gradient 6x240x128",
    kernel: normalizeRowsGrad,
    shapes: { y: x, d_y: x, length: [6, 240, 1] },
    attributes,
    data: {
      y: { kind: "uniform", low: -0.2, high: 0.2 },
      length: { kind: "uniform", low: 0.2, high: 1 },
    },
  },
];
