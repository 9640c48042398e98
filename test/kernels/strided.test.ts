// Copies with strides against their references; slices and transposes by hand, and their gradients.
import { expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { expand } from "../../src/graph/ops/reduce.ts";
import { slice, transpose } from "../../src/graph/ops/slice.ts";
import {
  stridedRead,
  stridedWrite,
  type StridedReadAttributes,
} from "../../src/kernels/strided.ts";
import { withOp } from "../support/check_gradient.ts";
import type { Value } from "../../src/graph/value.ts";
import { size, strides } from "../../src/tensor/shape.ts";
import { checkKernels } from "../support/check_kernel.ts";

/** A read with strides as the op that makes it. */
function read(x: Value, { shape, start, steps }: StridedReadAttributes): Value {
  if (shape.length > x.shape.length) return expand(x, shape);
  const inX = strides(x.shape);
  const permutation = steps.map((step) => inX.indexOf(step));
  if (permutation.every((axis) => axis >= 0) && new Set(permutation).size === steps.length) {
    if (size(shape) === size(x.shape)) return transpose(x, permutation);
  }
  const starts = inX.map((step, axis) => Math.floor(start / step) % x.shape[axis]);
  const strided = steps.map((step, axis) => step / inX[axis]);
  return slice(x, size(shape) === 0 ? starts.map(() => 0) : starts, shape, strided);
}

checkKernels(
  withOp(stridedRead, ({ x }, attributes) => read(x, attributes)),
  stridedWrite,
);

test("slices and transposes by hand", () => {
  const g = graph();
  const x = g.constant("x", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
  const outputs = {
    transposed: transpose(x, [1, 0]),
    column: slice(x, [0, 1], [2, 1]),
    mirrored: slice(x, [1, 2], [2, 3], [-1, -1]),
    none: slice(x, [0, 0], [0, 3]),
  };
  const got = runOnCpu(g, { outputs }, initialStore(g, 1), {});
  expect([...got["transposed"]]).toEqual([1, 4, 2, 5, 3, 6]);
  expect([...got["column"]]).toEqual([2, 5]);
  expect([...got["mirrored"]]).toEqual([6, 5, 4, 3, 2, 1]);
  expect([...got["none"]]).toEqual([]);
});

test("slices outside the tensor and false permutations are refused with their numbers", () => {
  const x = graph().input("x", [2, 3]);
  expect(() => slice(x, [0, 2], [2, 2])).toThrow(
    "2 x 2 elements from [0, 2] by [1, 1] are not inside [2, 3]",
  );
  expect(() => transpose(x, [1, 1])).toThrow("[1, 1] is not a permutation of the axes of [2, 3]");
});
