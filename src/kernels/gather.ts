// Elements along one axis at places that another tensor names, and the gradient of it.
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { withGradient, type Distribution } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { formatShape, sameShape, size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { shaders } from "./shaders.gen.ts";

/**
 * The axis of x, from 0. `along`: the indices have the other axes of x too, so that each element has
 * its own place (NumPy's take_along_axis); otherwise all share one list (NumPy's take).
 */
export interface GatherAttributes {
  readonly axis: number;
  readonly along: boolean;
}
/** The same, and the shape of x. */
export interface GatherGradAttributes extends GatherAttributes {
  readonly shape: Shape;
}

/** Longer axes have places that are not exact in f32. */
const LONGEST = 2 ** 24;

interface Geometry {
  readonly outer: number;
  readonly length: number;
  readonly places: number;
  readonly inner: number;
  /** Elements of indices per step of each axis. */
  readonly steps: readonly [outer: number, place: number, inner: number];
  /** The shape of y. */
  readonly shape: Shape;
}

/** The axes of a problem; throws if x and indices do not fit. */
function geometry(x: Shape, indices: Shape, { axis, along }: GatherAttributes): Geometry {
  if (!(Number.isInteger(axis) && axis >= 0 && axis < x.length)) {
    throw new Error(`axis ${axis} of x ${formatShape(x)}`);
  }
  const [before, after] = [x.slice(0, axis), x.slice(axis + 1)];
  const length = x[axis];
  if (length > LONGEST) throw new Error(`axis ${axis} of x ${formatShape(x)} has over ${LONGEST}`);
  const [outer, inner] = [size(before), size(after)];
  if (!along) {
    const shape = [...before, ...indices, ...after];
    return { outer, length, places: size(indices), inner, steps: [0, 1, 0], shape };
  }
  const others = (shape: Shape): Shape => shape.toSpliced(axis, 1);
  if (indices.length !== x.length || !sameShape(others(indices), others(x))) {
    throw new Error(
      `indices ${formatShape(indices)} do not have the axes of x ${formatShape(x)} beside axis ${axis}`,
    );
  }
  const places = indices[axis];
  return { outer, length, places, inner, steps: [places * inner, inner, 1], shape: indices };
}

function paramsOf(n: number, { length, places, inner, steps }: Geometry): GatherParams {
  const [step_o, step_j, step_i] = steps;
  return { n, places, length, inner, step_o, step_j, step_i };
}
type GatherParams = Parameters<(typeof gather)["grid"]>[0];

const places = (length: number, count: number): Distribution => ({
  kind: "given",
  values: Float32Array.from({ length: count }, (_, i) => (i * 7 + (i >> 2)) % length),
});
const cases = (
  [
    ["rows", [11, 5], [4], 0, false],
    ["one row", [1, 7], [3], 0, false],
    ["a list of lists, prime", [503, 3], [2, 509], 0, false],
    ["columns", [13, 17], [257], 1, false],
    ["an inner axis", [3, 5, 4], [2, 3], 1, false],
    ["one index", [6, 2], [], 0, false],
    ["no index", [5, 3], [0], 0, false],
    ["a place in each row", [257, 19], [257, 1], 1, true],
    ["places along the first axis", [7, 31], [3, 31], 0, true],
    ["places along a middle axis", [3, 6, 5], [3, 9, 5], 1, true],
    ["no row", [0, 4], [0, 2], 1, true],
  ] as const
).map(([name, x, indices, axis, along]) => ({
  name,
  shapes: { x, indices },
  attributes: { axis, along },
  data: { indices: places(x[axis], size(indices)) },
}));
const outside = {
  name: "indices that name no place",
  shapes: { x: [4, 3], indices: [7] },
  attributes: { axis: 0, along: false },
  data: {
    indices: { kind: "given", values: Float32Array.of(-1, 4, 0.5, NaN, Infinity, -Infinity, 3) },
  },
} as const;

/**
 * y = x at indices along an axis: NaN where an index is not a whole number from 0 to N - 1. x [O, N,
 * I], indices [M] (y [O, M, I], M of any axes) or, with `along`, [O, M, I].
 */
export const gather: Kernel<typeof shaders.gather, GatherAttributes> = kernel({
  shader: shaders.gather,
  shapes: ({ x, indices }, attributes) => ({ y: geometry(x, indices, attributes).shape }),
  params: ({ x, indices }, attributes) => {
    const found = geometry(x, indices, attributes);
    return paramsOf(size(found.shape), found);
  },
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  cost: ({ x, indices }, attributes) => {
    const n = size(geometry(x, indices, attributes).shape);
    return { flops: 0, bytes: 4 * (2 * n + size(indices)) };
  },
  cases: [...withGradient(cases, { wrt: ["x"], linear: true }), outside],
  reference: ({ x, indices }, shapes, attributes) => {
    const found = geometry(shapes.x, shapes.indices, attributes);
    const y = like(x, size(found.shape));
    eachPlace(found, (at, place, from) => {
      const k = indices[place];
      y[at] = isPlace(k, found.length) ? x[from(k)] : NaN;
    });
    return { y };
  },
});

/**
 * d_x = sums of d_y over the places that name an element, in their order. indices, d_y as in
 * `gather` -> d_x [`shape`].
 */
export const gatherGrad: Kernel<typeof shaders.gather_grad, GatherGradAttributes> = kernel({
  shader: shaders.gather_grad,
  shapes: ({ indices, d_y }, attributes) => {
    const { shape } = attributes;
    expectShape({ d_y }, geometry(shape, indices, attributes).shape);
    return { d_x: shape };
  },
  params: ({ indices }, attributes) =>
    paramsOf(size(attributes.shape), geometry(attributes.shape, indices, attributes)),
  grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / WG)),
  cost: ({ indices, d_y }, attributes) => {
    const { places: count } = geometry(attributes.shape, indices, attributes);
    const n = size(attributes.shape);
    return { flops: n * count, bytes: 4 * (n + size(d_y) + size(indices)) };
  },
  terms: ({ indices }, attributes) => geometry(attributes.shape, indices, attributes).places,
  cases: [...cases, outside].map(({ shapes, attributes, ...rest }) => ({
    ...rest,
    shapes: {
      indices: shapes.indices,
      d_y: geometry(shapes.x, shapes.indices, attributes).shape,
    },
    attributes: { ...attributes, shape: shapes.x },
  })),
  reference: ({ indices, d_y }, shapes, attributes) => {
    const found = geometry(attributes.shape, shapes.indices, attributes);
    const d_x = like(d_y, size(attributes.shape));
    eachPlace(found, (at, place, from) => {
      const k = indices[place];
      if (isPlace(k, found.length)) d_x[from(k)] += d_y[at];
    });
    return { d_x };
  },
});

function isPlace(index: number, length: number): boolean {
  return Number.isInteger(index) && index >= 0 && index < length;
}

/** Visits each element of y: its index, that of its place, and the index in x of a place k. */
function eachPlace(
  { outer, length, places: count, inner, steps }: Geometry,
  visit: (at: number, place: number, from: (k: number) => number) => void,
): void {
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < count; j++) {
      for (let i = 0; i < inner; i++) {
        const place = o * steps[0] + j * steps[1] + i * steps[2];
        visit((o * count + j) * inner + i, place, (k) => (o * length + k) * inner + i);
      }
    }
  }
}
