// Copies with strides: slices, transposes, mirrors and broadcasts, and placing a slice into zeros.
import { withGradient } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { formatShape, size, strides, type Shape } from "../tensor/shape.ts";
import { linesGrid, linesOf, offsets, six, sixOf, walk } from "../engine/axes.ts";
import { kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

/**
 * y[i] = x[start + sum_axis i_axis step_axis]: the shape of y, the first element of x, elements of
 * x per step of y.
 */
export interface StridedReadAttributes {
  readonly shape: Shape;
  readonly start: number;
  readonly steps: readonly number[];
}

/** A tensor read with other strides. x [any] -> y [`shape`]; throws if it would read outside x. */
export const stridedRead: Kernel<typeof shaders.strided_read, StridedReadAttributes> = kernel({
  shader: shaders.strided_read,
  shapes: ({ x }, { shape, start, steps }) => {
    if (size(shape) === 0) return { y: shape };
    let [lowest, highest] = [start, start];
    shape.forEach((length, axis) => {
      const reach = (length - 1) * steps[axis];
      if (reach < 0) lowest += reach;
      else highest += reach;
    });
    if (lowest < 0 || highest >= size(x)) {
      throw new Error(`strided_read: reads ${lowest} to ${highest} of x ${formatShape(x)}`);
    }
    return { y: shape };
  },
  params: (_, { shape, start, steps }) => {
    const walked = walk(shape, steps);
    const [inY, inX] = [six("shape", walked.shape), six("step", walked.steps[0])];
    return { lines: linesOf(walked.shape), start, ...inY, ...inX };
  },
  overrides: (_, { shape, steps }) => ({ AXES: walk(shape, steps).axes }),
  grid: ({ lines, shape_5 }, { WG, STEP }) => linesGrid(lines, shape_5, WG, STEP),
  cost: ({ x }, { shape }) => ({
    flops: 0,
    bytes: 4 * (Math.min(size(x), size(shape)) + size(shape)),
  }),
  cases: withGradient(
    [
      {
        name: "all of it",
        shapes: { x: [41, 25] },
        attributes: { shape: [41, 25], start: 0, steps: [25, 1] },
      },
      { name: "empty", shapes: { x: [5] }, attributes: { shape: [0], start: 9, steps: [1] } },
      { name: "a scalar", shapes: { x: [7] }, attributes: { shape: [], start: 6, steps: [] } },
      {
        name: "transposed",
        shapes: { x: [33, 65] },
        attributes: { shape: [65, 33], start: 0, steps: [1, 65] },
      },
      {
        name: "broadcast",
        shapes: { x: [31] },
        attributes: { shape: [34, 31], start: 0, steps: [0, 1] },
      },
      {
        name: "mirrored",
        shapes: { x: [3, 1025] },
        attributes: { shape: [3, 1025], start: 1024, steps: [1025, -1] },
      },
      {
        name: "every other pixel",
        shapes: { x: [2, 9, 11, 8] },
        attributes: { shape: [2, 4, 5, 8], start: 88, steps: [792, 176, 16, 1] },
      },
      {
        name: "six axes",
        shapes: { x: [2, 3, 2, 5, 2, 3] },
        attributes: { shape: [3, 2, 5, 2, 3, 2], start: 0, steps: [1, 3, 6, 30, 60, 180] },
      },
    ],
    ({ shapes: { x }, attributes: { shape } }) =>
      // slices, axes in another order and broadcasts, which are ops; a scalar is none
      shape.length < x.length ? [] : [{ wrt: ["x"], linear: true }],
  ),
  reference: ({ x }, _, { shape, start, steps }) => {
    const places = offsets(shape, steps, start);
    const y = like(x, places.length);
    for (let i = 0; i < places.length; i++) y[i] = x[places[i]];
    return { y };
  },
});

/**
 * The position of x in y: the shape of y, and along each axis x's first index and the step (not 0)
 * of its indices.
 */
export interface StridedWriteAttributes {
  readonly shape: Shape;
  readonly starts: readonly number[];
  readonly steps: readonly number[];
}

/** A tensor placed into zeros. x [as many axes] -> y [`shape`]; throws if x does not fit inside. */
export const stridedWrite: Kernel<typeof shaders.strided_write, StridedWriteAttributes> = kernel({
  shader: shaders.strided_write,
  shapes: ({ x }, { shape, starts, steps }) => {
    const fits = x.every((length, axis) => {
      const [first, step] = [starts[axis], steps[axis]];
      const last = first + (length - 1) * step;
      return (
        step !== 0 &&
        (length === 0 || Math.min(first, last) >= 0) &&
        Math.max(first, last) < shape[axis]
      );
    });
    if (x.length !== shape.length || x.length > 6 || (size(x) > 0 && !fits)) {
      throw new Error(
        `strided_write: x ${formatShape(x)} from [${starts.join(", ")}] by [${steps.join(", ")}] ` +
          `is not inside ${formatShape(shape)}`,
      );
    }
    return { y: shape };
  },
  params: ({ x }, { shape, starts, steps }) => ({
    lines: linesOf(sixOf(shape, 1)),
    ...six("shape", sixOf(shape, 1)),
    ...six("size", sixOf(x, 1)),
    ...six("start", sixOf(starts, 0)),
    ...six("step", sixOf(steps, 1)),
  }),
  overrides: (_, { shape, steps }) => ({
    AXES: Math.max(shape.length, 1),
    STEPPED: steps.some((step) => step !== 1),
  }),
  grid: ({ lines, shape_5 }, { WG, STEP }) => linesGrid(lines, shape_5, WG, STEP),
  cost: ({ x }, { shape }) => ({ flops: 0, bytes: 4 * (size(x) + size(shape)) }),
  cases: [
    {
      name: "all of it",
      shapes: { x: [41, 25] },
      attributes: { shape: [41, 25], starts: [0, 0], steps: [1, 1] },
    },
    {
      name: "many workgroups",
      shapes: { x: [643, 7] },
      attributes: { shape: [643, 9], starts: [0, 8], steps: [1, -1] },
    },
    { name: "of nothing", shapes: { x: [0] }, attributes: { shape: [5], starts: [2], steps: [1] } },
    { name: "a scalar", shapes: { x: [] }, attributes: { shape: [], starts: [], steps: [] } },
    {
      name: "padded",
      shapes: { x: [7, 31] },
      attributes: { shape: [11, 97], starts: [3, 0], steps: [1, 1] },
    },
    {
      name: "mirrored",
      shapes: { x: [1025] },
      attributes: { shape: [1027], starts: [1026], steps: [-1] },
    },
    {
      name: "every other pixel",
      shapes: { x: [2, 4, 5, 8] },
      attributes: { shape: [2, 9, 11, 8], starts: [0, 1, 0, 0], steps: [1, 2, 2, 1] },
    },
    {
      name: "six axes",
      shapes: { x: [1, 2, 2, 1, 2, 1] },
      attributes: {
        shape: [2, 3, 2, 5, 2, 3],
        starts: [1, 2, 0, 3, 0, 2],
        steps: [1, -2, 1, 4, 1, 1],
      },
    },
  ],
  reference: ({ x }, shapes, { shape, starts, steps }) => {
    const inY = strides(shape);
    const first = starts.reduce((sum, index, axis) => sum + index * inY[axis], 0);
    const places = offsets(
      shapes.x,
      inY.map((step, axis) => step * steps[axis]),
      first,
    );
    const y = like(x, size(shape));
    for (let i = 0; i < x.length; i++) y[places[i]] = x[i];
    return { y };
  },
});
