// Folds along axes (sum, mean, maximum, norms, ln sum exp); gradients are in reduce_grad.ts. Long
// folds take several passes: `reducePasses` cuts them by shape alone, so that the order of
// summation is the same on every adapter.
import { withGradient, type Problem, type Distribution } from "../engine/problem.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { formatShape, size, strides, type Shape } from "../tensor/shape.ts";
import { offsets, walk, type Walk } from "../engine/axes.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

/**
 * The folds: l1 = sum |x|, l2 = sqrt(sum x^2), sum_square = sum x^2, log_sum = ln sum x,
 * log_sum_exp = ln sum e^x.
 */
export type Reduction =
  | "sum"
  | "mean"
  | "max"
  | "min"
  | "product"
  | "l1"
  | "l2"
  | "sum_square"
  | "log_sum"
  | "log_sum_exp";
/**
 * The fold and its axes (ascending); `keep` leaves them in with length 1. Without an axis, each
 * element is folded alone.
 */
export interface ReduceAttributes {
  readonly kind: Reduction;
  readonly axes: readonly number[];
  readonly keep: boolean;
}
/** One pass of a fold. */
export interface ReducePass extends ReduceAttributes {
  /**
   * Slices into which the elements of one output are divided; y is [slabs, outputs] if there are
   * several.
   */
  readonly slabs: number;
  /** Whether x holds the elements themselves, not the results of slices. */
  readonly first: boolean;
  /** Whether y holds the result, not the results of slices. */
  readonly last: boolean;
  /** Elements per output over all passes, the divisor of the mean. */
  readonly count: number;
}

interface Steps {
  readonly map: 0 | 1 | 2;
  readonly fold: 0 | 1 | 2 | 3 | 4 | 5;
  readonly finish: 0 | 1 | 2;
  /** The result over no elements. */
  readonly nothing: number;
}
// in the numbering of reduce.wgsl
const STEPS: Record<Reduction, Steps> = {
  sum: { map: 0, fold: 0, finish: 0, nothing: 0 },
  mean: { map: 0, fold: 0, finish: 1, nothing: 0 },
  max: { map: 0, fold: 1, finish: 0, nothing: -Infinity },
  min: { map: 0, fold: 2, finish: 0, nothing: Infinity },
  product: { map: 0, fold: 3, finish: 0, nothing: 1 },
  l1: { map: 1, fold: 0, finish: 0, nothing: 0 },
  l2: { map: 0, fold: 5, finish: 0, nothing: 0 },
  sum_square: { map: 2, fold: 0, finish: 0, nothing: 0 },
  log_sum: { map: 0, fold: 0, finish: 2, nothing: -Infinity },
  log_sum_exp: { map: 0, fold: 4, finish: 0, nothing: -Infinity },
};
/** All folds. */
export const REDUCTIONS: readonly Reduction[] = Object.keys(STEPS) as Reduction[];

/** Shape of a tensor folded along `axes`. */
export function reducedShape(x: Shape, axes: readonly number[], keep: boolean): number[] {
  axes.forEach((axis, i) => {
    if (!Number.isInteger(axis) || axis < 0 || axis >= x.length || axes.indexOf(axis) !== i) {
      throw new Error(`axes [${axes.join(", ")}] do not fit ${formatShape(x)}`);
    }
  });
  if (keep) return x.map((length, axis) => (axes.includes(axis) ? 1 : length));
  return x.filter((_, axis) => !axes.includes(axis));
}

/** Elements that one output folds, and the number of outputs. */
export function extent(x: Shape, axes: readonly number[]): { length: number; outputs: number } {
  return {
    length: size(axes.map((axis) => x[axis])),
    outputs: size(reducedShape(x, axes, false)),
  };
}

// Terms that one invocation folds, and the number of outputs beyond which one invocation per output
// keeps a GPU busy.
const RUN = 128;
const BUSY = 65_536;

/**
 * The passes of a fold: each except the last leaves the results of slices, [slabs, outputs], which
 * the next folds along axis 0.
 */
export function reducePasses(x: Shape, attributes: ReduceAttributes): ReducePass[] {
  const { kind } = attributes;
  const { length: count, outputs } = extent(x, attributes.axes);
  const passes: ReducePass[] = [];
  let left = count;
  for (;;) {
    const slabs = Math.min(Math.ceil(left / RUN), Math.max(Math.floor(BUSY / outputs), 1));
    const last = outputs === 0 || slabs <= 1;
    const share = { kind, slabs: last ? 1 : slabs, first: passes.length === 0, last, count };
    const { axes, keep } = share.first ? attributes : { axes: [0], keep: false };
    passes.push({ ...share, axes, keep });
    if (last) return passes;
    left = slabs;
  }
}

/** Kept and reduced axes of x separately, each merged to at most three out of any six. */
export function walks(x: Shape, axes: readonly number[]): { kept: Walk; reduced: Walk } {
  const steps = strides(x);
  const part = (reduced: boolean): Walk => {
    const own = [...x.keys()].filter((axis) => axes.includes(axis) === reduced);
    const made = walk(
      own.map((axis) => x[axis]),
      own.map((axis) => steps[axis]),
    );
    if (made.axes > 3)
      throw new Error(`${formatShape(x)} has too many axes to fold along [${axes.join(", ")}]`);
    return made;
  };
  return { kept: part(false), reduced: part(true) };
}

/** The geometry of a fold as fields of `struct Params`. */
export function places(
  x: Shape,
  axes: readonly number[],
): Record<
  | "kept_1"
  | "kept_2"
  | "kept_step_0"
  | "kept_step_1"
  | "kept_step_2"
  | "reduced_1"
  | "reduced_2"
  | "reduced_step_0"
  | "reduced_step_1"
  | "reduced_step_2",
  number
> {
  const { kept, reduced } = walks(x, axes);
  const [keptSteps, reducedSteps] = [kept.steps[0], reduced.steps[0]];
  return {
    kept_1: kept.shape[4],
    kept_2: kept.shape[5],
    kept_step_0: keptSteps[3],
    kept_step_1: keptSteps[4],
    kept_step_2: keptSteps[5],
    reduced_1: reduced.shape[4],
    reduced_2: reduced.shape[5],
    reduced_step_0: reducedSteps[3],
    reduced_step_1: reducedSteps[4],
    reduced_step_2: reducedSteps[5],
  };
}

/** The single pass of a short fold. */
function whole(x: Shape, kind: Reduction, axes: readonly number[], keep = false): ReducePass {
  const { length: count } = extent(x, axes);
  return { kind, axes, keep, slabs: 1, first: true, last: true, count };
}

/** Products of hundreds stay near one. */
const NEAR_ONE: Distribution = { kind: "uniform", low: 0.9, high: 1.1 };
const POSITIVE: Distribution = { kind: "uniform", low: 0.6, high: 1.5 };
const domain = (kind: Reduction): Distribution =>
  kind === "log_sum" || kind === "product" ? POSITIVE : { kind: "normal", deviation: 2 };
/** Names, shapes and axes of the cases on which every kernel of the family is checked. */
export const FOLD_SHAPES: readonly [string, Shape, readonly number[]][] = [
  ["no axis", [5, 7], []],
  ["a scalar", [], []],
  ["nothing", [3, 0], [1]],
  ["no output", [0, 3], [1]],
  ["first axis", [129, 37], [0]],
  ["middle axis", [3, 65, 11], [1]],
  ["pixels of a view", [6, 12, 20, 8], [1, 2]],
  ["first and last", [5, 257, 3], [0, 2]],
  ["three of six", [2, 3, 2, 5, 2, 3], [0, 2, 4]],
];
const cases: Problem<"x", ReduceAttributes>[] = [
  ...REDUCTIONS.map((kind) => ({
    name: kind,
    shapes: { x: [7, 3, 61] },
    attributes: { kind, axes: [1, 2], keep: true },
    data: { x: domain(kind) },
  })),
  ...FOLD_SHAPES.map(([name, x, axes]) => ({
    name: `mean, ${name}`,
    shapes: { x },
    attributes: { kind: "mean" as const, axes, keep: false },
  })),
  {
    name: "max, nothing",
    shapes: { x: [3, 0] },
    attributes: { kind: "max", axes: [1], keep: true },
  },
];

/** y = one pass of a fold of x. x [any] -> y [its kept axes], or [slabs, outputs] if slabs > 1. */
export const reduce: Kernel<typeof shaders.reduce, ReducePass> = kernel({
  shader: shaders.reduce,
  shapes: ({ x }, { axes, keep, slabs }) => {
    const y = reducedShape(x, axes, keep);
    return { y: slabs === 1 ? y : [slabs, size(y)] };
  },
  params: ({ x }, { kind, axes, slabs, count }) => ({
    ...extent(x, axes),
    slabs,
    ...places(x, axes),
    scale: count === 0 ? 0 : 1 / count,
    nothing: STEPS[kind].nothing,
  }),
  overrides: ({ x }, { kind, axes, first, last }) => ({
    MAP: first ? STEPS[kind].map : 0,
    FOLD: STEPS[kind].fold,
    FINISH: last ? STEPS[kind].finish : 0,
    REDUCED_AXES: walks(x, axes).reduced.axes,
  }),
  grid: ({ outputs, slabs }, { WG }) => foldGrid(Math.ceil((outputs * slabs) / WG)),
  cost: ({ x }, { axes, slabs }) => ({
    flops: size(x),
    bytes: 4 * (size(x) + slabs * extent(x, axes).outputs),
  }),
  terms: ({ x }, { axes, slabs }) => Math.ceil(extent(x, axes).length / slabs),
  cases: withGradient(
    [
      ...cases.map((c) => ({
        ...c,
        attributes: whole(c.shapes.x, c.attributes.kind, c.attributes.axes, c.attributes.keep),
      })),
      ...(["l2", "log_sum_exp"] as const).flatMap((kind) => [
        {
          name: `${kind}, slabs of 1021 rows`,
          shapes: { x: [1021, 3] },
          attributes: { ...whole([1021, 3], kind, [0]), slabs: 8, last: false },
        },
        {
          name: `${kind}, of 8 slabs`,
          shapes: { x: [8, 3] },
          attributes: { ...whole([8, 3], kind, [0]), first: false, count: 1021 },
          data: { x: POSITIVE },
        },
      ]),
    ],
    ({ name, shapes: { x }, attributes: { kind, first, last } }) => {
      // the op cuts long folds in passes by its own rule; the maximum of nothing is infinite
      if (!first || !last || (kind === "max" && size(x) === 0)) return [];
      const linear = kind === "sum" || kind === "mean";
      // clear of 0, near which a fold of logarithms or a product bends sharply
      const data = { x: { kind: "uniform", low: 0.2, high: 3 } } as const;
      return name === kind
        ? [
            { wrt: ["x"], linear, shapes: { x: [3, 5, 4] }, data },
            { wrt: ["x"], linear, shapes: { x: [1, 19, 20] }, data: { x: NEAR_ONE } },
          ]
        : [{ wrt: ["x"], linear }];
    },
  ),
  reference: ({ x }, { x: shape }, pass) => {
    const { kind, axes, slabs, count } = pass;
    const { kept, reduced } = folded(shape, axes);
    const steps = STEPS[kind];
    const y = like(x, slabs * kept.length);
    const row = like(x, Math.ceil(reduced.length / slabs));
    for (let slab = 0; slab < slabs; slab++) {
      for (let o = 0; o < kept.length; o++) {
        let filled = 0;
        for (let j = slab; j < reduced.length; j += slabs) {
          row[filled++] = maps[pass.first ? steps.map : 0](x[kept[o] + reduced[j]]);
        }
        const result = filled === 0 ? steps.nothing : folds[steps.fold](row, filled);
        const finishes = pass.last && filled > 0;
        y[slab * kept.length + o] = finishes ? finish[steps.finish](result, count) : result;
      }
    }
    return { y };
  },
});

/** First element of each output, and the offset from it to each element that it folds. */
export function folded(
  shape: Shape,
  axes: readonly number[],
): { kept: Int32Array; reduced: Int32Array } {
  const steps = strides(shape);
  const part = (reduced: boolean): Int32Array => {
    const own = [...shape.keys()].filter((axis) => axes.includes(axis) === reduced);
    return offsets(
      own.map((axis) => shape[axis]),
      own.map((axis) => steps[axis]),
    );
  };
  return { kept: part(false), reduced: part(true) };
}

const maps: Record<Steps["map"], (v: number) => number> = {
  0: (v) => v,
  1: Math.abs,
  2: (v) => v * v,
};
const finish: Record<Steps["finish"], (v: number, count: number) => number> = {
  0: (v) => v,
  1: (v, count) => v / count,
  2: Math.log,
};
const folds: Record<Steps["fold"], (row: NumberArray, length: number) => number> = {
  0: (row, length) => {
    let sum = 0;
    for (let j = 0; j < length; j++) sum += row[j];
    return sum;
  },
  1: (row, length) => {
    let highest = row[0];
    for (let j = 1; j < length; j++) highest = Math.max(highest, row[j]);
    return highest;
  },
  2: (row, length) => {
    let lowest = row[0];
    for (let j = 1; j < length; j++) lowest = Math.min(lowest, row[j]);
    return lowest;
  },
  3: (row, length) => {
    let product = 1;
    for (let j = 0; j < length; j++) product *= row[j];
    return product;
  },
  4: (row, length) => {
    const highest = folds[1](row, length);
    if (!Number.isFinite(highest)) return highest;
    let sum = 0;
    for (let j = 0; j < length; j++) sum += Math.exp(row[j] - highest);
    return highest + Math.log(sum);
  },
  5: (row, length) => {
    let squares = 0;
    for (let j = 0; j < length; j++) squares += row[j] * row[j];
    return Math.sqrt(squares);
  },
};
