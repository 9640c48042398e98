// Folds at the student's sizes: every pass of sums over pixels, over channels and over everything.
import type { KernelProblem } from "../../src/engine/kernel.ts";
import { reduce, reducePasses } from "../../src/kernels/reduce.ts";

/** The passes of a sum. */
function passes(name: string, x: readonly number[], axes: readonly number[]): KernelProblem[] {
  let shape = x;
  return reducePasses(x, { kind: "sum", axes, keep: false }).map((attributes, i) => {
    const problem = {
      name: `${name}, pass ${i + 1}`,
      kernel: reduce,
      shapes: { x: shape },
      attributes,
    };
    shape = reduce.shapes({ x: shape }, attributes).y;
    return problem;
  });
}

/** Gradient of a bias, mean of a view, sum over bins, sum of a loss. */
export const cases: readonly KernelProblem[] = [
  ...passes("sum of pixels 6x48x80x32", [6, 48, 80, 32], [0, 1, 2]),
  ...passes("sum of a view 6x12x20x128", [6, 12, 20, 128], [1, 2]),
  ...passes("sum of bins 6x48x80x64", [6, 48, 80, 64], [3]),
  ...passes("sum of all 6x96x160", [6, 96, 160], [0, 1, 2]),
];
