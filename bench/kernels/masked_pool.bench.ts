// Masked pooling of the bin embedding to tokens.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { maskedPool, maskedPoolGrad } from "../../src/kernels/masked_pool.ts";

const attributes = { grid: [12, 20] } as const;
const mask = { kind: "mask", share: 0.9 } as const;

/** 128 features of 96x160 to 12x20 tokens. */
export const cases: readonly KernelProblem[] = [
  {
    name: "pool 6x96x160x128",
    kernel: maskedPool,
    shapes: { x: [6, 96, 160, 128], mask: [6, 96, 160, 1] },
    attributes,
    data: { mask },
  },
  {
    name: "gradient 6x96x160x128",
    kernel: maskedPoolGrad,
    shapes: { mask: [6, 96, 160, 1], weight: [6, 240], d_tokens: [6, 240, 128] },
    attributes,
    data: { mask, weight: { kind: "uniform", low: 1, high: 64 } },
  },
];
