// Depth from probabilities and centres: against its reference, and its gradients.
import { expect, test } from "vitest";
import { binExpectation } from "../../src/graph/ops/bin_expectation.ts";
import {
  binExpectation as binExpectationKernel,
  binExpectationGrad,
  binExpectationGradSlabs,
  binExpectationRows,
} from "../../src/kernels/depth_bins/bin_expectation.ts";
import { present, withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(binExpectationKernel, ({ probabilities, centers, scale }) =>
    binExpectation(probabilities, centers, present(scale)),
  ),
  binExpectationRows,
  binExpectationGrad,
  binExpectationGradSlabs,
);

test("centres that fit neither pixels, images nor the rig are refused with the shapes", async () => {
  const run = runGraph(
    (g) => ({ d: binExpectation(g.input("p", [2, 1, 3, 4]), g.input("c", [2, 1, 1, 5])) }),
    {},
  );
  await expect(run).rejects.toThrow(/centers\[2, 1, 1, 5\] must be .*\[1, 1, 1, 4\]/);
});
