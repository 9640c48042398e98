// Convolutions at the student's sizes (six views of 96x160): the heavy 3x3, the stem, a 1x1, the
// smallest map.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { conv2d } from "../../src/kernels/convolution/conv2d.ts";
import type { Conv2dAttributes } from "../../src/kernels/convolution/conv2d_geometry.ts";

/** A convolution to time, and its gradients with it. */
export interface Conv2dProblem {
  readonly name: string;
  readonly x: readonly [number, number, number, number];
  readonly weight: readonly [number, number, number, number];
  readonly attributes: Conv2dAttributes;
}

function problem(
  x: readonly [number, number, number, number],
  channels: number,
  size: number,
  stride: number,
  groups = 1,
): Conv2dProblem {
  const pad = Math.floor(size / 2);
  return {
    name: `${size}x${size} ${x.join("x")} to ${channels}${stride > 1 ? ` stride ${stride}` : ""}${
      groups > 1 ? ` groups ${groups}` : ""
    }`,
    x,
    weight: [channels, size, size, x[3] / groups],
    attributes: {
      stride: [stride, stride],
      padding: [pad, pad, pad, pad],
      dilation: [1, 1],
      groups,
    },
  };
}

/** The problems that conv2d and its gradients are timed on. */
export const problems: readonly Conv2dProblem[] = [
  problem([6, 48, 80, 64], 64, 3, 1),
  problem([6, 48, 80, 64], 64, 3, 2),
  problem([6, 48, 80, 64], 64, 1, 1),
  problem([6, 96, 160, 4], 64, 7, 2),
  problem([6, 48, 80, 16], 16, 3, 1),
  problem([6, 6, 10, 96], 96, 3, 1),
  problem([6, 24, 40, 64], 64, 3, 1, 64),
];

/** Forward. */
export const cases: readonly KernelProblem[] = problems.map(({ name, x, weight, attributes }) => ({
  name,
  kernel: conv2d,
  shapes: { x, weight, bias: [0] },
  attributes: { ...attributes, slices: 1 },
}));
