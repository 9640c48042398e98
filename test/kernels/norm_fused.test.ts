// Fused normalisation and its gradient against the composition of the kernels that they join; the
// gradients themselves are checked in test/graph/fuse.test.ts.
import { expect, test } from "vitest";
import {
  normFusedApply,
  normFusedApplyRows,
  normFusedGradInput,
  normFusedGradShared,
  normFusedGradSums,
} from "../../src/kernels/norm_fused.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  normFusedApply,
  normFusedApplyRows,
  normFusedGradSums,
  normFusedGradShared,
  normFusedGradInput,
);

test("channels that are not a multiple of four are refused with their number", () => {
  const [x, statistic, channels] = [[1, 2, 2, 6], [1, 1], [6]];
  const shapes = { x, mean: statistic, variance: statistic, gamma: channels, beta: channels };
  const activation = { kind: "relu", alpha: 0 } as const;
  expect(() =>
    normFusedApply.shapes(
      { ...shapes, residual: [0] },
      { batches: 1, groups: 1, epsilon: 1e-5, activation },
    ),
  ).toThrow("the channels 6 is not a multiple of 4");
});
