// Softmax over the depth bins: against its reference, its gradient, and what holds of
// probabilities.
import { expect, test } from "vitest";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import {
  softmaxBins as softmaxBinsKernel,
  softmaxBinsGrad,
  softmaxBinsGradRows,
  softmaxBinsRows,
  softmaxBinsSubgroup,
} from "../../src/kernels/depth_bins/softmax_bins.ts";
import { runKernel } from "../../src/engine/run.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(softmaxBinsKernel, ({ logits }, { temperature }) => softmaxBins(logits, temperature)),
  softmaxBinsSubgroup,
  softmaxBinsRows,
  softmaxBinsGrad,
  softmaxBinsGradRows,
);

const softmax = async (logits: readonly number[], bins: number): Promise<number[]> => {
  const { p } = await runGraph(
    (g) => ({ p: softmaxBins(g.input("logits", [logits.length / bins, bins])) }),
    { logits },
  );
  return [...p];
};

test("a constant row gives 1 / K, a lone peak gives certainty", async () => {
  const p = await softmax([80, 80, 80, 80, -80, -80, 80, -80], 4);
  expect(p).toEqual([0.25, 0.25, 0.25, 0.25, 0, 0, 1, 0]);
});

test("a constant added to a row changes nothing, however large its logits", async () => {
  const logits = [0, -1, 2, 0.5];
  const shifted = await softmax([...logits, ...logits.map((z) => z - 20_000)], 4);
  expect(shifted.slice(4)).toEqual(shifted.slice(0, 4));
});

test("a temperature that is not positive is refused with its value", async () => {
  const build = runGraph((g) => ({ p: softmaxBins(g.input("z", [1, 2]), 0) }), { z: [0, 0] });
  await expect(build).rejects.toThrow("temperature is 0, expected above 0");
});

test.each([softmaxBinsKernel, softmaxBinsRows])(
  "a row of three million bins sums to 1: $shader.name",
  async (kernel) => {
    const n = 3_000_000;
    const stream = randomStream(1);
    const logits = new Float32Array(n).map(() => 2 * stream.uniform());
    const shapes = { logits: [1, n] };
    const { probabilities } = await runKernel(gpu, kernel, { logits }, shapes, { temperature: 1 });
    const sum = probabilities.reduce((a, b) => a + b, 0);
    expect(Math.abs(sum - 1)).toBeLessThan(1e-5);
  },
);
