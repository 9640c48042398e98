// The place of the largest element along one axis.
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { shaders } from "./shaders.gen.ts";

/** The axis, from 0. */
export interface ArgmaxAttributes {
  readonly axis: number;
}

/** Longer axes have places that are not exact in f32. */
const LONGEST = 2 ** 24;

const inner = (x: Shape, axis: number): number => size(x.slice(axis + 1));
const problem = (name: string, x: Shape, axis: number): Problem<"x", ArgmaxAttributes> => ({
  name,
  shapes: { x },
  attributes: { axis },
});

const SPECIAL = [
  [1, NaN, 9, NaN],
  [-Infinity, -Infinity, -Infinity, -Infinity],
  [0, Infinity, Infinity, 2],
  [NaN, Infinity, 1, 2],
].flat();

/**
 * y = first place of the largest x along an axis; a NaN counts as the largest, as in NumPy. x [O, N,
 * I], N at least 1 -> y [O, I].
 */
export const argmax: Kernel<typeof shaders.argmax, ArgmaxAttributes> = kernel({
  shader: shaders.argmax,
  shapes: ({ x }, { axis }) => {
    const length = x[axis] ?? 0;
    if (!(length >= 1 && length <= LONGEST)) {
      throw new Error(`axis ${axis} of x ${formatShape(x)}: expected one of 1 to ${LONGEST}`);
    }
    return { y: x.toSpliced(axis, 1) };
  },
  params: ({ x }, { axis }) => ({
    n: size(x.toSpliced(axis, 1)),
    length: x[axis],
    inner: inner(x, axis),
  }),
  grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / WG)),
  cost: ({ x }, { axis }) => ({
    flops: size(x),
    bytes: 4 * (size(x) + size(x.toSpliced(axis, 1))),
  }),
  cases: [
    problem("rows", [257, 19], 1),
    problem("columns", [31, 67], 0),
    problem("a middle axis", [3, 5, 4], 1),
    problem("an axis of one", [6, 1], 1),
    problem("a list", [1031], 0),
    problem("no row", [0, 4], 1),
    {
      ...problem("equal elements: the first", [33, 8], 1),
      data: { x: { kind: "mask", share: 0.4 } },
    },
    {
      ...problem("NaN and infinities", [4, 4], 1),
      data: { x: { kind: "given", values: Float32Array.from(SPECIAL) } },
    },
  ],
  reference: ({ x }, shapes, { axis }) => {
    const [length, step] = [shapes.x[axis], inner(shapes.x, axis)];
    const y = like(x, size(shapes.x.toSpliced(axis, 1)));
    for (let at = 0; at < y.length; at++) {
      const first = Math.floor(at / step) * length * step + (at % step);
      let place = 0;
      for (let k = 1; k < length; k++) {
        const [largest, value] = [x[first + place * step], x[first + k * step]];
        if (!Number.isNaN(largest) && !(value <= largest)) place = k;
      }
      y[at] = place;
    }
    return { y };
  },
});
