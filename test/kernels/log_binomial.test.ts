// The log-binomial head: against its reference, its gradients, and the shape of its distribution.
import { expect, test } from "vitest";
import { logBinomial, logBinomialHead } from "../../src/graph/ops/log_binomial.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import {
  logBinomial as logBinomialKernel,
  logBinomialGrad,
  logBinomialGradRows,
  logBinomialHead as logBinomialHeadKernel,
  logBinomialHeadGrad,
} from "../../src/kernels/depth_bins/log_binomial.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  logBinomialKernel,
  logBinomialGrad,
  logBinomialGradRows,
  logBinomialHeadKernel,
  logBinomialHeadGrad,
);

checkGradient(
  "log_binomial",
  (g) => {
    const [pi, t] = [g.input("pi", [2, 3, 5, 1]), g.input("t", [2, 3, 5, 1])];
    return { output: logBinomial(pi, t, { bins: 16 }), wrt: [pi, t] };
  },
  {
    data: {
      pi: { kind: "uniform", low: 0.05, high: 0.95 },
      t: { kind: "uniform", low: 0.5, high: 3 },
    },
  },
);

checkGradient(
  "log_binomial where a probability is clamped",
  (g) => {
    const [pi, t] = [g.input("pi", [1, 3, 5, 1]), g.input("t", [1, 3, 5, 1])];
    return { output: logBinomial(pi, t, { bins: 9 }), wrt: [pi] };
  },
  {
    data: {
      pi: { kind: "uniform", low: 1e-6, high: 8e-5 },
      t: { kind: "constant", value: 1 },
    },
    step: 1e-7,
  },
);

checkGradient(
  "log_binomial_head",
  (g) => {
    const pairs = g.input("pairs", [2, 3, 5, 4]);
    const { pi, t } = logBinomialHead(pairs, { t_min: 0.0212, t_max: 50 });
    return { output: logBinomial(pi, t, { bins: 8 }), wrt: [pairs] };
  },
  { data: { pairs: { kind: "uniform", low: 0.2, high: 3 } } },
);

checkGradient(
  "log_binomial_head, the probability alone",
  (g) => {
    const pairs = g.input("pairs", [1, 2, 3, 4]);
    return { output: logBinomialHead(pairs, { t_min: 0.1, t_max: 2 }).pi, wrt: [pairs] };
  },
  { data: { pairs: { kind: "uniform", low: 0.2, high: 3 } } },
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
