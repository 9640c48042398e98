// Layer norm of the tokens of a small vision transformer on six views.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  layerNormGradInput,
  layerNormGradPartial,
  layerNormRows,
} from "../../src/kernels/layer_norm.ts";

const x = [6, 960, 128];
const [rows, channels] = [[5760], [128]];
const attributes = { epsilon: 1e-5 };
const data = { variance: { kind: "uniform", low: 0.2, high: 3 } } as const;

/** Forward and both parts of the gradient. */
export const cases: readonly KernelProblem[] = [
  {
    name: "rows 6x960x128",
    kernel: layerNormRows,
    shapes: { x, gamma: channels, beta: channels },
    attributes,
  },
  {
    name: "gradient 6x960x128",
    kernel: layerNormGradInput,
    shapes: { x, d_y: x, mean: rows, variance: rows, gamma: channels },
    attributes,
    data,
  },
  {
    name: "gradients of scale and shift 6x960x128",
    kernel: layerNormGradPartial,
    shapes: { x, d_y: x, mean: rows, variance: rows },
    attributes,
    data,
  },
];
