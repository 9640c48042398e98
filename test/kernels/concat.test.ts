// Joining of tensors against its reference; gradients are slices.
import { expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { concat as concatOp } from "../../src/graph/ops/concat.ts";
import { concat, concatVec4 } from "../../src/kernels/concat.ts";
import { present, withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  withOp(concat, ({ a, b, c, d }, { axis }) =>
    concatOp(
      [a, b, c, d].filter((value) => present(value) !== null),
      axis,
    ),
  ),
  concatVec4,
);

test("any number of tensors is joined in order", () => {
  const g = graph();
  const values = Array.from({ length: 23 }, (_, i) =>
    g.constant(`c${i}`, [1, 2], Float32Array.of(i, -i)),
  );
  const { y } = runOnCpu(g, { outputs: { y: concatOp(values, 0) } }, initialStore(g, 1), {});
  expect(Array.from(y)).toEqual(
    Array.from({ length: 46 }, (_, i) => (i % 2 === 0 ? i / 2 : -(i - 1) / 2)),
  );
});

test("shapes that differ beside the axis are refused with their numbers", () => {
  const g = graph();
  const values = [g.input("a", [2, 3]), g.input("b", [3, 3])];
  expect(() => concatOp(values, 1)).toThrow("[3, 3] and [2, 3] differ in an axis other than 1");
});
