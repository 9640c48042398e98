// Rows of length one: against their reference, and their gradient on both sides of the floor.
import { expect, test } from "vitest";
import { normalizeRows } from "../../src/graph/ops/view_relation.ts";
import {
  normalizeRows as normalizeRowsKernel,
  normalizeRowsGrad,
} from "../../src/kernels/normalize_rows.ts";
import { runKernel } from "../../src/engine/run.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(normalizeRowsKernel, ({ x }, { floor }) => normalizeRows(x, floor)),
  normalizeRowsGrad,
);

test("a row of zeros stays zeros", async () => {
  const { y } = await runGraph((g) => ({ y: normalizeRows(g.input("x", [2, 2])) }), {
    x: [0, 0, -3, 4],
  });
  expect(y[0]).toBe(0);
  expect(y[2]).toBeCloseTo(-0.6, 6);
});

test.each([1e25, 3e37, 1e-25])("a row of numbers around %s has length one", async (size) => {
  const x = Float32Array.of(3 * size, 0, -4 * size);
  const shapes = { x: [1, 3] };
  const { y, length } = await runKernel(gpu, normalizeRowsKernel, { x }, shapes, { floor: 1e-30 });
  expect(length[0] / (5 * size)).toBeCloseTo(1, 5);
  for (const [i, want] of [0.6, 0, -0.8].entries()) expect(y[i]).toBeCloseTo(want, 6);
  const inputs = { y, length, d_y: Float32Array.of(size, size, 0) };
  const all = { y: [1, 3], d_y: [1, 3], length: [1, 1] };
  const { d_x } = await runKernel(gpu, normalizeRowsGrad, inputs, all, { floor: 1e-30 });
  // (d_y - y <y, d_y>) / length with lengths that cancel
  for (const [i, want] of [0.128, 0.2, 0.096].entries()) expect(d_x[i]).toBeCloseTo(want, 5);
});
