// Attractors of bin centres at the first and the last level of the student.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  attractor,
  attractorGradAttractors,
  attractorGradCenters,
} from "../../src/kernels/depth_bins/attractor.ts";

const attributes = { alpha: 1000, kind: "inverse", gamma: 2 } as const;
const levels = [
  { name: "16 attractors 6x24x40x64", centers: [6, 24, 40, 64], attractors: [6, 24, 40, 16] },
  { name: "1 attractor 6x96x160x64", centers: [6, 96, 160, 64], attractors: [6, 96, 160, 1] },
];

/** Forward and both gradients. */
export const cases: readonly KernelProblem[] = levels.flatMap(
  ({ name, centers, attractors }): KernelProblem[] => [
    { name, kernel: attractor, shapes: { centers, attractors }, attributes },
    {
      name: `${name}, gradient by centres`,
      kernel: attractorGradCenters,
      shapes: { centers, attractors, d_y: centers },
      attributes,
    },
    {
      name: `${name}, gradient by attractors`,
      kernel: attractorGradAttractors,
      shapes: { centers, attractors, d_y: centers },
      attributes,
    },
  ],
);
