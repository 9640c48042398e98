// Masked pooling to tokens: against its reference, its gradient, and what the mask does.
import { expect, test } from "vitest";
import { maskedPool } from "../../src/graph/ops/view_relation.ts";
import {
  maskedPool as maskedPoolKernel,
  maskedPoolGrad,
  maskedPoolGradRows,
  maskedPoolVec4,
} from "../../src/kernels/masked_pool.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(maskedPoolKernel, ({ x, mask }, attributes) => maskedPool(x, mask, attributes)),
  maskedPoolVec4,
  maskedPoolGrad,
  maskedPoolGradRows,
);

test("a token is the mean of what its cell lets through, and 0 of nothing", async () => {
  const { tokens } = await runGraph(
    (g) => {
      const mask = g.input("mask", [1, 2, 4, 1]);
      return { tokens: maskedPool(g.input("x", [1, 2, 4, 1]), mask, { grid: [1, 2] }) };
    },
    { x: [1, 2, 9, 9, 3, 6, 9, 9], mask: [1, 1, 0, 0, 0, 1, 0, 0] },
  );
  expect([...tokens]).toEqual([3, 0]);
});
