// Elements at named places against their reference, and the gradient where places repeat.
import { expect, test } from "vitest";
import { backward } from "../../src/graph/backward.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { gather as gatherOp, gatherAlong } from "../../src/graph/ops/gather.ts";
import { gather, gatherGrad } from "../../src/kernels/gather.ts";
import { InputError } from "../../src/tensor/error.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { withOp } from "../support/check_gradient.ts";

checkKernels(
  withOp(gather, ({ x, indices }, { axis, along }) =>
    along ? gatherAlong(x, indices, axis) : gatherOp(x, indices, axis),
  ),
  gatherGrad,
);

test("a row that is named twice receives both gradients", () => {
  const g = graph();
  const x = g.input("x", [3, 2]);
  const y = gatherOp(x, g.input("indices", [3]));
  const d_y = g.constant("d_y", [3, 2], Float32Array.of(1, 2, 4, 8, 16, 32));
  const d_x = backward(g, [[y, d_y]], [x]).get(x)!;
  const inputs = { x: [1, 2, 3, 4, 5, 6], indices: [2, 0, 2] };
  const got = runOnCpu(g, { outputs: { y, d_x } }, initialStore(g, 1), inputs);
  expect([...got["y"]]).toEqual([5, 6, 1, 2, 5, 6]);
  expect([...got["d_x"]]).toEqual([4, 8, 0, 0, 17, 34]);
});

test("axes and shapes that do not fit are refused by name", () => {
  const g = graph();
  const x = g.input("x", [3, 2]);
  const indices = g.input("indices", [3]);
  expect(() => gatherOp(x, indices, 2)).toThrow(InputError);
  expect(() => gatherOp(x, indices, NaN)).toThrow("gather: axis is NaN");
  expect(() => gatherAlong(x, indices)).toThrow("do not have the axes of x [3, 2]");
});
