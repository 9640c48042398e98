// Rows of length one: against their reference, and their gradient on both sides of the floor.
import { expect, test } from "vitest";
import { normalizeRows } from "../../src/graph/ops/view_relation.ts";
import {
  normalizeRows as normalizeRowsKernel,
  normalizeRowsGrad,
} from "../../src/kernels/normalize_rows.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(normalizeRowsKernel, normalizeRowsGrad);

for (const floor of [1e-6, 100]) {
  checkGradient(`normalize_rows with a floor of ${floor}`, (g) => {
    const x = g.input("x", [2, 3, 7]);
    return { output: normalizeRows(x, floor), wrt: [x] };
  });
}

test("a row of zeros stays zeros", async () => {
  const { y } = await runGraph((g) => ({ y: normalizeRows(g.input("x", [2, 2])) }), {
    x: [0, 0, -3, 4],
  });
  expect(y[0]).toBe(0);
  expect(y[2]).toBeCloseTo(-0.6, 6);
});
