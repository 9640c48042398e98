// Depth from probabilities and centres: against its reference, and its gradients.
import { expect, test } from "vitest";
import { binExpectation } from "../../src/graph/ops/bin_expectation.ts";
import {
  binExpectation as binExpectationKernel,
  binExpectationGrad,
  binExpectationGradSlabs,
  binExpectationRows,
} from "../../src/kernels/depth_bins/bin_expectation.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(binExpectationKernel, binExpectationRows, binExpectationGrad, binExpectationGradSlabs);

const shape = [2, 7, 11, 5];
for (const [whose, centers] of [
  ["the pixel", shape],
  ["the image", [2, 1, 1, 5]],
  ["the rig", [1, 1, 1, 5]],
] as const) {
  checkGradient(
    `bin_expectation by centres of ${whose}`,
    (g) => {
      const p = g.input("probabilities", shape);
      const c = g.input("centers", centers);
      return { output: binExpectation(p, c, g.input("scale", [2])), wrt: [c] };
    },
    { linear: true },
  );
  checkGradient(`bin_expectation by both, centres of ${whose}`, (g) => {
    const p = g.input("probabilities", shape);
    const c = g.input("centers", centers);
    return { output: binExpectation(p, c), wrt: [p, c] };
  });
}

test("centres that fit neither pixels, images nor the rig are refused with the shapes", async () => {
  const run = runGraph(
    (g) => ({ d: binExpectation(g.input("p", [2, 1, 3, 4]), g.input("c", [2, 1, 1, 5])) }),
    {},
  );
  await expect(run).rejects.toThrow(/centers\[2, 1, 1, 5\] must be .*\[1, 1, 1, 4\]/);
});
