// Mean of what a mask lets through: against its reference, and its gradient.
import { expect, test } from "vitest";
import { maskedMean } from "../../src/graph/ops/masked_mean.ts";
import {
  maskedMean as maskedMeanKernel,
  maskedMeanFinish,
  maskedMeanGrad,
} from "../../src/kernels/masked_mean.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(maskedMeanKernel, ({ x, mask }) => maskedMean(x, mask).mean),
  maskedMeanFinish,
  maskedMeanGrad,
);

test("the mean is over what the mask lets through, and of nothing it is 0", async () => {
  const run = (mask: readonly number[]): Promise<Record<string, Float32Array>> =>
    runGraph((g) => ({ ...maskedMean(g.input("x", [4]), g.input("mask", [4])) }), {
      x: [1, NaN, 5, 3],
      mask,
    });
  expect(await run([1, 0, 1, 0])).toEqual({ mean: Float32Array.of(3), count: Float32Array.of(2) });
  expect(await run([0, 0, 0, 0])).toEqual({ mean: Float32Array.of(0), count: Float32Array.of(0) });
});
