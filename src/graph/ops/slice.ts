// Ranges of a tensor, and its axes in another order, as ops; both are reads with other strides.
import { stridedRead, stridedWrite, type StridedWriteAttributes } from "../../kernels/strided.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape, strides, type Shape } from "../../tensor/shape.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";

/**
 * Along each axis the first index, the number of indices, and the step between them (negative:
 * backwards).
 */
export interface SliceAttributes {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}
/** Axis i of y is axis `permutation[i]` of x. */
export interface TransposeAttributes {
  readonly permutation: readonly number[];
}

/**
 * The ops of this family, by name. A slice's gradient is placed into zeros, a permutation is
 * undone.
 */
export const sliceOps: {
  readonly slice: Op<SliceAttributes, "x">;
  readonly slice_grad: Op<StridedWriteAttributes, "x">;
  readonly transpose: Op<TransposeAttributes, "x">;
} = {
  slice: {
    name: "slice",
    inputs: ["x"],
    outputs: ["y"],
    shapes: ({ x }, attributes) => [sliced(x, attributes)],
    lower: ({ inputs: { x }, outputs: [y], attributes: { starts, sizes, steps }, call }) => {
      const inX = strides(x.shape);
      const start = starts.reduce((sum, index, axis) => sum + index * inX[axis], 0);
      const read = { shape: sizes, start, steps: inX.map((step, axis) => step * steps[axis]) };
      call(stridedRead, { x, y }, read);
    },
    gradient: ({ inputs: { x }, attributes: { starts, steps }, d_outputs: [d_y] }) =>
      apply(sliceOps.slice_grad, { x: d_y! }, { shape: x!.shape, starts, steps }),
  },
  slice_grad: kernelOp("slice_grad", stridedWrite, ["x"], ["y"], null),
  transpose: {
    name: "transpose",
    inputs: ["x"],
    outputs: ["y"],
    shapes: ({ x }, { permutation }) => {
      if (
        permutation.toSorted((a, b) => a - b).some((axis, i) => axis !== i) ||
        permutation.length !== x.length
      ) {
        throw new InputError(
          `[${permutation.join(", ")}] is not a permutation of the axes of ${formatShape(x)}`,
        );
      }
      return [permutation.map((axis) => x[axis])];
    },
    lower: ({ inputs: { x }, outputs: [y], attributes: { permutation }, call }) => {
      const inX = strides(x.shape);
      const steps = permutation.map((axis) => inX[axis]);
      call(stridedRead, { x, y }, { shape: y.shape, start: 0, steps });
    },
    gradient: ({ attributes: { permutation }, d_outputs: [d_y] }) => [
      transpose(
        d_y!,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ],
  },
};

function sliced(x: Shape, { starts, sizes, steps }: SliceAttributes): Shape {
  const fits = x.every((length, axis) => {
    const [first, count, step] = [starts[axis], sizes[axis], steps[axis]];
    const last = first + (count - 1) * step;
    return (
      count === 0 || (step !== 0 && Math.min(first, last) >= 0 && Math.max(first, last) < length)
    );
  });
  const whole =
    [...starts, ...sizes, ...steps].every(Number.isInteger) && sizes.every((n) => n >= 0);
  if (!fits || !whole || [starts, sizes, steps].some((list) => list.length !== x.length)) {
    throw new InputError(
      `${sizes.join(" x ")} elements from [${starts.join(", ")}] by [${steps.join(", ")}] ` +
        `are not inside ${formatShape(x)}`,
    );
  }
  return sizes;
}

/**
 * The `sizes` elements of x from `starts`, every `steps`-th (default: every one). x [any] -> y
 * [`sizes`].
 */
export function slice(
  x: Value,
  starts: readonly number[],
  sizes: readonly number[],
  steps: readonly number[] = x.shape.map(() => 1),
): Value {
  return apply(sliceOps.slice, { x }, { starts, sizes, steps })[0];
}

/** x with its axes in another order. x [any] -> y, whose axis i is axis `permutation[i]` of x. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  return apply(sliceOps.transpose, { x }, { permutation })[0];
}
