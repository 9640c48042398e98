// The place of the largest element against its reference.
import { expect, test } from "vitest";
import { graph } from "../../src/graph/graph.ts";
import { argmax as argmaxOp } from "../../src/graph/ops/argmax.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { argmax } from "../../src/kernels/argmax.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(argmax);

test("an axis counts from the end, and there is no gradient through a place", () => {
  const g = graph();
  const x = g.parameter("x", [2, 3, 4], (shape) => new Float32Array(shape[0] * 12));
  expect(argmaxOp(x).shape).toEqual([2, 3]);
  expect(argmaxOp(x, 0).shape).toEqual([3, 4]);
  expect(() => argmaxOp(x, 3)).toThrow("axis 3 of x [2, 3, 4]");
  expect(() => g.gradients(reduce(argmaxOp(x), "mean"))).toThrow("argmax cannot be differentiated");
});
