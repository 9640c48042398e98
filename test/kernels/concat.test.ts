// Joining of tensors against its reference; gradients are slices.
import { expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { concat as concatOp } from "../../src/graph/ops/concat.ts";
import { concat } from "../../src/kernels/concat.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(concat);

checkGradient("concat of three", (g) => {
  const inputs = [g.input("a", [2, 3, 4]), g.input("b", [2, 1, 4]), g.input("c", [2, 5, 4])];
  return { output: concatOp(inputs, -2), wrt: inputs };
});
checkGradient(
  "concat with a constant",
  (g) => {
    const [x, fixed] = [g.input("x", [3, 2]), g.constant("fixed", [3, 3], new Float32Array(9))];
    return { output: concatOp([fixed, x], 1), wrt: [x] };
  },
  { linear: true },
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
  expect(() => concatOp(values, 1)).toThrow("[3, 3] and [2, 3] differ beside axis 1");
});
