// Rows of a table of embeddings, and the logit of each pixel's class.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import type { Distribution } from "../../src/engine/problem.ts";
import { gather, gatherGrad } from "../../src/kernels/gather.ts";

const places = (count: number, length: number): Distribution => ({
  kind: "given",
  values: Float32Array.from({ length: count }, (_, i) => (i * 7919) % length),
});
const tokens = 2048;
const [words, width] = [4096, 256];
const [pixels, classes] = [6 * 48 * 80, 64];
const rows = { axis: 0, along: false };
const classOf = { axis: 1, along: true };

/** 2048 tokens of 4096 words, 23,040 pixels of 64 classes. */
export const cases: readonly KernelProblem[] = [
  {
    name: "gather 2048 rows of 4096x256",
    kernel: gather,
    shapes: { x: [words, width], indices: [tokens] },
    attributes: rows,
    data: { indices: places(tokens, words) },
  },
  {
    name: "gather one of 64 at 6x48x80",
    kernel: gather,
    shapes: { x: [pixels, classes], indices: [pixels, 1] },
    attributes: classOf,
    data: { indices: places(pixels, classes) },
  },
  {
    name: "gather_grad 256 rows of 1024x64",
    kernel: gatherGrad,
    shapes: { indices: [256], d_y: [256, 64] },
    attributes: { ...rows, shape: [1024, 64] },
    data: { indices: places(256, 1024) },
  },
  {
    name: "gather_grad one of 64 at 6x48x80",
    kernel: gatherGrad,
    shapes: { indices: [pixels, 1], d_y: [pixels, 1] },
    attributes: { ...classOf, shape: [pixels, classes] },
    data: { indices: places(pixels, classes) },
  },
];
