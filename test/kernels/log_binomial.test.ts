// The log-binomial head: against its reference, its gradients, and the shape of its distribution.
import { expect, test } from "vitest";
import { concat } from "../../src/graph/ops/concat.ts";
import { logBinomial, logBinomialHead } from "../../src/graph/ops/log_binomial.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import {
  logBinomial as logBinomialKernel,
  logBinomialGrad,
  logBinomialGradRows,
  logBinomialHead as logBinomialHeadKernel,
  logBinomialHeadGrad,
} from "../../src/kernels/depth_bins/log_binomial.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(logBinomialKernel, ({ pi, t }, attributes) => logBinomial(pi, t, attributes)),
  logBinomialGrad,
  logBinomialGradRows,
  withOp(logBinomialHeadKernel, ({ pairs }, attributes) => {
    const { pi, t } = logBinomialHead(pairs, attributes);
    return concat([pi, t], -1);
  }),
  logBinomialHeadGrad,
);

test.each([
  { t: 0.0212, deviation: 0.51, peak: 0.736 },
  { t: 1, deviation: 3.6, peak: 0.11 },
  { t: 50, deviation: 16, peak: 0.021 },
])(
  "with 64 bins and pi = 0.3 the peak is bin 19, wider as it warms: t = $t",
  async ({ t, deviation, peak }) => {
    const { p } = await runGraph(
      (g) => {
        const [pi, warmth] = [g.input("pi", [1, 1, 1, 1]), g.input("t", [1, 1, 1, 1])];
        return { p: softmaxBins(logBinomial(pi, warmth, { bins: 64 })) };
      },
      { pi: [0.3], t: [t] },
    );
    const probabilities = [...p];
    const highest = Math.max(...probabilities);
    expect(probabilities.indexOf(highest)).toBe(19);
    expect(highest).toBeCloseTo(peak, 3);
    const mean = probabilities.reduce((sum, q, k) => sum + q * k, 0);
    const variance = probabilities.reduce((sum, q, k) => sum + q * (k - mean) ** 2, 0);
    expect(Math.abs(Math.sqrt(variance) / deviation - 1)).toBeLessThan(0.03);
  },
);

test("nearly certain probabilities stay finite: the floor is 1e-4", async () => {
  const { z } = await runGraph(
    (g) => ({
      z: logBinomial(g.input("pi", [1, 1, 2, 1]), g.input("t", [1, 1, 2, 1]), { bins: 4 }),
    }),
    { pi: [0, 1], t: [1, 1] },
  );
  expect(z[3]).toBeCloseTo(3 * Math.log(1e-4), 4);
  expect(z[4]).toBeCloseTo(3 * Math.log(1e-4), 4);
  expect(z[0]).toBeCloseTo(0, 12);
  expect(z[7]).toBeCloseTo(0, 12);
});
