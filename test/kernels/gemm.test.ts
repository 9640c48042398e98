// Products of matrices against their reference, in every mapping that this adapter runs.
import { expect, test } from "vitest";
import {
  gemm,
  gemmProblem,
  gemmRegister,
  gemmSlices,
  gemmSubgroup,
} from "../../src/kernels/gemm.ts";
import { linear, matmul } from "../../src/graph/ops/gemm.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(gemm, gemmSubgroup, gemmRegister);

const plain = { transpose_a: false, transpose_b: false };

test("operands that do not fit are refused with their numbers", () => {
  const refuse = (a: number[], b: number[], bias: number[], message: RegExp): void => {
    expect(() => gemmProblem({ a, b, bias }, plain)).toThrow(message);
  };
  refuse([2, 3], [4, 5], [0], /3 columns, b 4 rows/);
  refuse([2, 3], [3, 5], [4], /bias\[4\] must be \[5\]/);
  refuse([2, 2, 3], [4, 3, 5], [0], /\[2\] and \[4\] do not broadcast/);
  refuse([2, 1, 2, 2, 3], [1, 4, 1, 3, 5], [0], /in turns/);
  refuse([3], [3, 5], [0], /must be matrices/);
});

test("a long sum of few outputs is cut in slices, a short or wide one is not", () => {
  const slices = (m: number, n: number, k: number): number =>
    gemmSlices(gemmProblem({ a: [m, k], b: [k, n], bias: [0] }, plain));
  expect(slices(64, 64, 23_040)).toBe(16);
  expect(slices(8, 8, 100_000)).toBe(25); // none over 4096 terms
  expect(slices(512, 512, 512)).toBe(1);
  expect(slices(4096, 4096, 2048)).toBe(1);
  expect(slices(0, 4, 4096)).toBe(1);
});

checkGradient("matmul, a transposed, with bias", (g) => {
  const [a, b, bias] = [g.input("a", [3, 5]), g.input("b", [3, 4]), g.input("bias", [4])];
  return { output: matmul(a, b, { transposeA: true, bias }), wrt: [a, b, bias] };
});
checkGradient("matmul, both transposed, batches of a and b taking turns", (g) => {
  const [a, b] = [g.input("a", [2, 1, 3, 5]), g.input("b", [4, 6, 3])];
  const options = { transposeA: true, transposeB: true };
  return { output: matmul(a, b, options), wrt: [a, b] };
});
checkGradient("matmul, one a for all batches", (g) => {
  const [a, b] = [g.input("a", [4, 3]), g.input("b", [2, 3, 3, 5])];
  return { output: matmul(a, b), wrt: [a, b] };
});
checkGradient("matmul, one b for all batches, transposed", (g) => {
  const [a, b] = [g.input("a", [2, 4, 3]), g.input("b", [5, 3])];
  return { output: matmul(a, b, { transposeB: true }), wrt: [a, b] };
});
checkGradient(
  "matmul by a",
  (g) => {
    const a = g.input("a", [2, 4, 3]);
    return { output: matmul(a, g.input("b", [2, 3, 5])), wrt: [a] };
  },
  { linear: true },
);
checkGradient("linear with 150 rows, its bias in two passes", (g) => {
  const [x, weight] = [g.input("x", [2, 75, 6]), g.input("weight", [3, 6])];
  const bias = g.input("bias", [3]);
  return { output: linear(x, weight, bias), wrt: [x, weight, bias] };
});
checkGradient(
  "linear by weight, a sum of 1100 terms in slices",
  (g) => {
    const weight = g.input("weight", [3, 6]);
    return { output: linear(g.input("x", [1100, 6]), weight), wrt: [weight] };
  },
  { linear: true },
);
