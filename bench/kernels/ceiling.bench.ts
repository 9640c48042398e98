// The limits of every other kernel: 64 MiB streamed, and arithmetic without memory.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import {
  ceilingCopy,
  ceilingFma,
  ceilingFmaF16,
  ceilingRead,
  ceilingTriad,
} from "../../src/kernels/ceiling.ts";

const half = [2 ** 23];
const third = [2 ** 20 * 5];

/**
 * Each way to divide the memory among invocations; `ringdepth profile ceilings` measures more
 * sizes.
 */
export const cases: readonly KernelProblem[] = [
  ...[false, true].flatMap((runs): KernelProblem[] => {
    const form = runs ? "runs" : "lanes";
    const attributes = { runs };
    return [
      { name: `copy 64 MiB, ${form}`, kernel: ceilingCopy, shapes: { x: half }, attributes },
      { name: `read 32 MiB, ${form}`, kernel: ceilingRead, shapes: { x: half }, attributes },
      {
        name: `triad 60 MiB, ${form}`,
        kernel: ceilingTriad,
        shapes: { a: third, b: third },
        attributes,
      },
    ];
  }),
  {
    name: "fma, 65536 invocations",
    kernel: ceilingFma,
    shapes: { x: [65_536] },
    attributes: { loops: 16 },
  },
  {
    name: "fma in half precision, 65536 invocations",
    kernel: ceilingFmaF16,
    shapes: { x: [65_536] },
    attributes: { loops: 1 },
  },
];
