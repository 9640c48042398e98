// Gradients of the folds along axes whose derivative needs their input; the gradients of sum and
// mean are broadcasts.
import { like } from "../tensor/array.ts";
import { formatShape, sameShape, size, strides, type Shape } from "../tensor/shape.ts";
import { linesGrid, linesOf, six, walk, type Walk } from "../engine/axes.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import type { Problem, Distribution } from "../engine/problem.ts";
import {
  extent,
  FOLD_SHAPES,
  folded,
  places,
  reducedShape,
  walks,
  type Reduction,
} from "./reduce.ts";
import { shaders } from "./shaders.gen.ts";

const POSITIVE: Distribution = { kind: "uniform", low: 0.6, high: 1.5 };

type Folded = Exclude<Reduction, "sum" | "mean" | "product">;
// in the numbering of reduce_grad.wgsl
const GRADIENT_CODES: Record<Folded, number> = {
  max: 0,
  min: 0,
  l1: 1,
  l2: 2,
  sum_square: 3,
  log_sum: 4,
  log_sum_exp: 5,
};
const foldedKinds = Object.keys(GRADIENT_CODES) as Folded[];
/** The folds whose derivative needs their input, and their axes. */
export interface ReduceGradAttributes {
  readonly kind: Folded;
  readonly axes: readonly number[];
}

const cases: Problem<"x" | "y" | "d_y", ReduceGradAttributes>[] = [
  ...foldedKinds.map((kind) => ({
    name: kind,
    shapes: { x: [7, 3, 61], y: [7], d_y: [7] },
    attributes: { kind, axes: [1, 2] },
    data: { y: POSITIVE },
  })),
  ...FOLD_SHAPES.map(([name, x, axes]) => ({
    name: `log_sum_exp, ${name}`,
    shapes: { x, y: reducedShape(x, axes, true), d_y: reducedShape(x, axes, true) },
    attributes: { kind: "log_sum_exp" as const, axes },
  })),
  {
    name: "max with ties",
    shapes: { x: [3, 50], y: [3], d_y: [3] },
    attributes: { kind: "max", axes: [1] },
    data: { x: { kind: "mask", share: 0.5 }, y: { kind: "constant", value: 1 } },
  },
];

/** d_x = d_y dy/dx. x [any], y, d_y [outputs of the fold] -> d_x of x's shape. */
export const reduceGrad: Kernel<typeof shaders.reduce_grad, ReduceGradAttributes> = kernel({
  shader: shaders.reduce_grad,
  shapes: ({ x, y, d_y }, { axes }) => {
    const { outputs } = extent(x, axes);
    if (size(y) !== outputs || !sameShape(y, d_y)) {
      throw new Error(
        `reduce_grad: y ${formatShape(y)}, d_y ${formatShape(d_y)} must hold ${outputs} outputs`,
      );
    }
    return { d_x: x };
  },
  params: ({ x }, { axes }) => {
    const { shape, steps } = walkBoth(x, axes);
    return { lines: linesOf(shape), ...six("shape", shape), ...six("y", steps[1]) };
  },
  overrides: ({ x }, { kind, axes }) => ({
    KIND: GRADIENT_CODES[kind],
    AXES: walkBoth(x, axes).axes,
  }),
  grid: ({ lines, shape_5 }, { WG, STEP }) => linesGrid(lines, shape_5, WG, STEP),
  cost: ({ x, y }) => ({ flops: 2 * size(x), bytes: 8 * (size(x) + size(y)) }),
  cases,
  reference: ({ x, y, d_y }, { x: shape }, { kind, axes }) => {
    const d_x = like(x, x.length);
    const { kept, reduced } = folded(shape, axes);
    for (let o = 0; o < kept.length; o++) {
      for (const place of reduced) {
        const i = kept[o] + place;
        d_x[i] = d_y[o] * slopes[kind](x[i], y[o]);
      }
    }
    return { d_x };
  },
});

/** The axes along which a product is taken. */
export interface ReduceGradProductAttributes {
  readonly axes: readonly number[];
}

/**
 * d_x = d_y times the product of the other elements. x [any], d_y [outputs of the product] -> d_x
 * of x's shape.
 */
export const reduceGradProduct: Kernel<
  typeof shaders.reduce_grad_product,
  ReduceGradProductAttributes
> = kernel({
  shader: shaders.reduce_grad_product,
  shapes: ({ x, d_y }, { axes }) => {
    const { outputs } = extent(x, axes);
    if (size(d_y) !== outputs) {
      throw new Error(
        `reduce_grad_product: d_y ${formatShape(d_y)} must hold the ${outputs} outputs`,
      );
    }
    return { d_x: x };
  },
  params: ({ x }, { axes }) => ({ ...extent(x, axes), ...places(x, axes) }),
  overrides: ({ x }, { axes }) => ({ REDUCED_AXES: walks(x, axes).reduced.axes }),
  grid: ({ outputs }, { WG }) => foldGrid(Math.ceil(outputs / WG)),
  cost: ({ x }) => ({ flops: 2 * size(x), bytes: 8 * size(x) }),
  cases: [
    ...FOLD_SHAPES.map(([name, x, axes]) => ({
      name,
      shapes: { x, d_y: reducedShape(x, axes, false) },
      attributes: { axes },
      data: { x: POSITIVE },
    })),
    // of the rows of three, some have no zero, some one, some several
    {
      name: "zeros",
      shapes: { x: [67, 3], d_y: [67] },
      attributes: { axes: [1] },
      data: { x: { kind: "mask", share: 0.6 } },
    },
  ],
  reference: ({ x, d_y }, { x: shape }, { axes }) => {
    const d_x = like(x, x.length);
    const { kept, reduced } = folded(shape, axes);
    // product of the elements before, times product of the elements after
    for (let o = 0; o < kept.length; o++) {
      let before = d_y[o];
      for (const place of reduced) {
        d_x[kept[o] + place] = before;
        before *= x[kept[o] + place];
      }
      let behind = 1;
      for (const place of reduced.toReversed()) {
        d_x[kept[o] + place] *= behind;
        behind *= x[kept[o] + place];
      }
    }
    return { d_x };
  },
});

/** Walks x and y (or d_y) together in the order of x. */
function walkBoth(x: Shape, axes: readonly number[]): Walk {
  const kept = strides(reducedShape(x, axes, true));
  return walk(
    x,
    strides(x),
    kept.map((step, axis) => (axes.includes(axis) ? 0 : step)),
  );
}

/** 1 if an element equals the result, else 0; NaN if either is NaN. */
const atResult = (v: number, result: number): number =>
  Number.isNaN(v) || Number.isNaN(result) ? NaN : Number(v === result);
const slopes: Record<Folded, (v: number, result: number) => number> = {
  max: atResult,
  min: atResult,
  l1: Math.sign,
  l2: (v, result) => (result === 0 && !Number.isNaN(v) ? 0 : v / result),
  sum_square: (v) => 2 * v,
  log_sum: (_, result) => Math.exp(-result),
  log_sum_exp: (v, result) => Math.exp(v - result),
};
