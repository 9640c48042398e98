// Scaling by a step scalar against its reference, and its gradient.
import { expect, test } from "vitest";
import { scaleBy as scaleByOp } from "../../src/graph/ops/arithmetic.ts";
import { backward } from "../../src/graph/backward.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { scaleBy } from "../../src/kernels/scale_by.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(scaleBy);

test("scale_by: the gradient is scaled by the same scalar", () => {
  const g = graph();
  const x = g.input("x", [3]);
  const y = scaleByOp(x, g.scalars(), g.scalar("weight"));
  const d_y = g.constant("d_y", [3], Float32Array.of(1, 2, 4));
  const d_x = backward(g, [[y, d_y]], [x]).get(x)!;
  const inputs = { x: [1, -1, 0.5] };
  const got = runOnCpu(g, { outputs: { y, d_x } }, initialStore(g, 1), inputs, { weight: 0.25 });
  expect([...got["y"]]).toEqual([0.25, -0.25, 0.125]);
  expect([...got["d_x"]]).toEqual([0.25, 0.5, 1]);
});
