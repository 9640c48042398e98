// Products of matrices against their reference, in every mapping that this adapter runs.
import { expect, test } from "vitest";
import {
  gemm,
  gemmMatrix,
  gemmOuter,
  gemmPanel,
  gemmPanels,
  gemmRegister,
  gemmSubgroup,
  gemmVec4,
} from "../../src/kernels/gemm.ts";
import { gemmProblem, gemmSlices } from "../../src/kernels/gemm_problem.ts";
import { matmul } from "../../src/graph/ops/gemm.ts";
import { present, withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  withOp(gemm, ({ a, b, bias }, { transpose_a, transpose_b }) =>
    matmul(a, b, { transposeA: transpose_a, transposeB: transpose_b, bias: present(bias) }),
  ),
  gemmOuter,
  gemmPanel,
  gemmPanels,
  gemmVec4,
  gemmSubgroup,
  gemmRegister,
  gemmMatrix,
);

const plain = { transpose_a: false, transpose_b: false };

test("operands that do not fit are refused with their numbers", () => {
  const refuse = (a: number[], b: number[], bias: number[], message: RegExp): void => {
    expect(() => gemmProblem({ a, b, bias }, plain)).toThrow(message);
  };
  refuse([2, 3], [4, 5], [0], /3 columns, b 4 rows/);
  refuse([2, 3], [3, 5], [4], /bias\[4\] must be \[5\]/);
  refuse([2, 2, 3], [4, 3, 5], [0], /\[2\] and \[4\] do not broadcast/);
  refuse([2, 1, 2, 2, 3], [1, 4, 1, 3, 5], [0], /in both directions/);
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
