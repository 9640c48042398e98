// Copies with strides at the student's sizes.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { stridedRead, stridedWrite } from "../../src/kernels/strided.ts";
import { strides } from "../../src/tensor/shape.ts";

const shape = [6, 48, 80, 32];

/** A slice of channels and its adjoint, a transpose of heads, a broadcast of a scalar. */
export const cases: readonly KernelProblem[] = [
  {
    name: "slice 32 of 96 channels",
    kernel: stridedRead,
    shapes: { x: [6, 48, 80, 96] },
    attributes: { shape, start: 64, steps: strides([6, 48, 80, 96]) },
  },
  {
    name: "place 32 into 96 channels",
    kernel: stridedWrite,
    shapes: { x: shape },
    attributes: { shape: [6, 48, 80, 96], starts: [0, 0, 0, 64], steps: [1, 1, 1, 1] },
  },
  {
    name: "transpose heads 6x240x4x32",
    kernel: stridedRead,
    shapes: { x: [6, 240, 4, 32] },
    attributes: { shape: [6, 4, 240, 32], start: 0, steps: [30_720, 32, 128, 1] },
  },
  {
    name: "broadcast to 6x48x80x32",
    kernel: stridedRead,
    shapes: { x: [1] },
    attributes: { shape, start: 0, steps: [0, 0, 0, 0] },
  },
];
