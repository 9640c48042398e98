// Soft bins of relative depth: against their reference, and where they peak.
import { expect, test } from "vitest";
import { softBins } from "../../src/graph/ops/soft_bins.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import { softBins as softBinsKernel } from "../../src/kernels/depth_bins/soft_bins.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(softBinsKernel);

test("probabilities are highest in the bin that holds the relative depth", async () => {
  const relative = [0, 0.26, 0.5 + 1 / 128, 0.99, 1];
  const { p } = await runGraph(
    (g) => ({ p: softmaxBins(softBins(g.input("r", [1, 1, 5, 1]), { bins: 64 })) }),
    { r: relative },
  );
  const peaks = relative.map((_, i) => {
    const row = [...p.subarray(64 * i, 64 * i + 64)];
    return row.indexOf(Math.max(...row));
  });
  expect(peaks).toEqual([0, 16, 32, 63, 63]);
});
