// Scaling by a step scalar at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { scaleBy } from "../../src/kernels/scale_by.ts";

/** A map of losses. */
export const cases: readonly KernelProblem[] = [
  {
    name: "scale_by 6x96x160x1",
    kernel: scaleBy,
    shapes: { x: [6, 96, 160, 1], scalars: [64] },
    attributes: { slot: 3 },
  },
];
