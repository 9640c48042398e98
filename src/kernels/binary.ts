// Elementary functions of two tensors that broadcast together, and their gradients before the sum
// over broadcast axes.
import { withGradient, type Problem, type Distribution } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import {
  broadcastShape,
  broadcastSteps,
  linesGrid,
  linesOf,
  offsets,
  six,
  walk,
  type Walk,
} from "../engine/axes.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

/** The functions, in the order of the shaders' KIND. */
export const BINARY_KINDS = [
  "add",
  "subtract",
  "multiply",
  "divide",
  "maximum",
  "minimum",
  "power",
  "squared_difference",
  "modulo",
  "atan2",
  "equal",
  "not_equal",
  "greater",
  "greater_equal",
  "less",
  "less_equal",
] as const;
/** One of the functions of two numbers; `modulo` has the sign of b, comparisons give 1 or 0. */
export type BinaryKind = (typeof BINARY_KINDS)[number];
/** The function. */
export interface BinaryAttributes {
  readonly kind: BinaryKind;
}
/** The function, and the operand that the gradient is taken with respect to. */
export interface BinaryGradAttributes extends BinaryAttributes {
  readonly side: "a" | "b";
}

/** The common walk over y, a and b. */
function walkOf(a: Shape, b: Shape): Walk {
  const y = broadcastShape(a, b);
  return walk(y, broadcastSteps(a, y), broadcastSteps(b, y));
}

function params(a: Shape, b: Shape): Parameters<(typeof binary)["grid"]>[0] {
  const { shape, steps } = walkOf(a, b);
  const [inA, inB] = [six("a", steps[0]), six("b", steps[1])];
  return { lines: linesOf(shape), ...six("shape", shape), ...inA, ...inB };
}

const COMPARISONS = BINARY_KINDS.indexOf("equal");
const POSITIVE: Distribution = { kind: "uniform", low: 0.2, high: 3 };
const data = (kind: BinaryKind): { a?: Distribution; b?: Distribution } => {
  if (kind === "divide" || kind === "modulo") return { b: POSITIVE };
  if (kind === "power") return { a: POSITIVE };
  // halves, so that some values are equal
  if (BINARY_KINDS.indexOf(kind) >= COMPARISONS) {
    return { a: { kind: "mask", share: 0.5 }, b: { kind: "mask", share: 0.5 } };
  }
  return {};
};
const broadcasts: readonly [string, Shape, Shape][] = [
  ["empty", [0, 3], [3]],
  ["scalars", [], []],
  ["a scalar", [2, 503, 3], []],
  ["a bias", [41, 25], [25]],
  ["both ways", [7, 1, 5], [6, 1]],
  ["a column", [1, 1025], [3, 1]],
  ["six axes", [2, 1, 3, 1, 2, 1], [1, 3, 1, 2, 1, 5]],
  ["a mean per view", [6, 6, 10, 8], [6, 1, 1, 8]],
];
const cases: Problem<"a" | "b", BinaryAttributes>[] = [
  ...BINARY_KINDS.map((kind) => ({
    name: kind,
    shapes: { a: [3, 7, 61], b: [3, 7, 61] },
    attributes: { kind },
    data: data(kind),
  })),
  // whose gradient has both operands
  ...broadcasts.map(([name, a, b]) => ({
    name: `divide, ${name}`,
    shapes: { a, b },
    attributes: { kind: "divide" as const },
    data: data("divide"),
  })),
];

/** y = f(a, b). a, b [broadcast together] -> y of the broadcast shape. */
export const binary: Kernel<typeof shaders.binary, BinaryAttributes> = kernel({
  shader: shaders.binary,
  shapes: ({ a, b }) => ({ y: broadcastShape(a, b) }),
  params: ({ a, b }) => params(a, b),
  overrides: ({ a, b }, { kind }) => ({
    KIND: BINARY_KINDS.indexOf(kind),
    AXES: walkOf(a, b).axes,
  }),
  grid: ({ lines, shape_5 }, { WG, STEP }) => linesGrid(lines, shape_5, WG, STEP),
  cost: ({ a, b }) => {
    const n = size(broadcastShape(a, b));
    return { flops: n, bytes: 4 * (size(a) + size(b) + n) };
  },
  cases: withGradient(cases, ({ attributes: { kind } }) =>
    BINARY_KINDS.indexOf(kind) >= COMPARISONS
      ? []
      : [
          { wrt: ["a", "b"], linear: kind === "add" || kind === "subtract" },
          // broadcast both ways
          { wrt: ["a", "b"], shapes: { a: [4, 1, 5], b: [3, 5] } },
          ...(kind === "multiply" ? [{ wrt: ["a"], linear: true } as const] : []),
        ],
  ),
  reference: ({ a, b }, shapes, { kind }) => {
    const n = size(broadcastShape(shapes.a, shapes.b));
    const [inA, inB] = places(shapes.a, shapes.b);
    const y = like(a, n);
    const f = functions[kind];
    for (let i = 0; i < n; i++) y[i] = f(a[inA[i]], b[inB[i]]);
    return { y };
  },
});

/**
 * d_operand = d_y df/da or df/db. a, b [broadcast together], d_y [broadcast shape] -> d_operand of
 * d_y's shape.
 */
export const binaryGrad: Kernel<typeof shaders.binary_grad, BinaryGradAttributes> = kernel({
  shader: shaders.binary_grad,
  shapes: ({ a, b, d_y }) => {
    expectShape({ d_y }, broadcastShape(a, b));
    return { d_operand: d_y };
  },
  params: ({ a, b }) => params(a, b),
  overrides: ({ a, b }, { kind, side }) => ({
    KIND: BINARY_KINDS.indexOf(kind),
    SIDE: side === "a" ? 0 : 1,
    AXES: walkOf(a, b).axes,
  }),
  grid: ({ lines, shape_5 }, { WG, STEP }) => linesGrid(lines, shape_5, WG, STEP),
  cost: ({ a, b, d_y }) => ({
    flops: 4 * size(d_y),
    bytes: 4 * (size(a) + size(b) + 2 * size(d_y)),
  }),
  cases: cases.flatMap((c) =>
    // comparisons have slope 0, and a broadcast is the same for both sides
    (["a", "b"] as const)
      .slice(
        BINARY_KINDS.indexOf(c.attributes.kind) >= COMPARISONS ? 2 : c.name.includes(",") ? 1 : 0,
      )
      .map((side) => ({
        ...c,
        name: `${c.name}, by ${side}`,
        shapes: { ...c.shapes, d_y: broadcastShape(c.shapes.a, c.shapes.b) },
        attributes: { ...c.attributes, side },
      })),
  ),
  reference: ({ a, b, d_y }, shapes, { kind, side }) => {
    const [inA, inB] = places(shapes.a, shapes.b);
    const d_operand = like(a, d_y.length);
    const slope = slopes[kind][side];
    for (let i = 0; i < d_y.length; i++) {
      d_operand[i] = d_y[i] * slope(a[inA[i]], b[inB[i]]);
    }
    return { d_operand };
  },
});

/** The offsets in a and in b for each element of y. */
function places(a: Shape, b: Shape): [Int32Array, Int32Array] {
  const y = broadcastShape(a, b);
  return [offsets(y, broadcastSteps(a, y)), offsets(y, broadcastSteps(b, y))];
}

type OfTwo = (p: number, q: number) => number;
const functions: Record<BinaryKind, OfTwo> = {
  add: (p, q) => p + q,
  subtract: (p, q) => p - q,
  multiply: (p, q) => p * q,
  divide: (p, q) => p / q,
  maximum: Math.max,
  minimum: Math.min,
  power: Math.pow,
  squared_difference: (p, q) => (p - q) ** 2,
  modulo: (p, q) => p - q * Math.floor(p / q),
  atan2: Math.atan2,
  equal: (p, q) => (p === q ? 1 : 0),
  not_equal: (p, q) => (p !== q ? 1 : 0),
  greater: (p, q) => (p > q ? 1 : 0),
  greater_equal: (p, q) => (p >= q ? 1 : 0),
  less: (p, q) => (p < q ? 1 : 0),
  less_equal: (p, q) => (p <= q ? 1 : 0),
};
/** 1 where `holds`, else 0; NaN where an operand is NaN. */
const ordered = (p: number, q: number, holds: boolean): number =>
  Number.isNaN(p) || Number.isNaN(q) ? NaN : Number(holds);
const zero: OfTwo = (p, q) => ordered(p, q, false);
const one = (): number => 1;
const flat = { a: zero, b: zero };
const slopes: Record<BinaryKind, Readonly<Record<"a" | "b", OfTwo>>> = {
  add: { a: one, b: one },
  subtract: { a: one, b: () => -1 },
  multiply: { a: (_, q) => q, b: (p) => p },
  divide: { a: (_, q) => 1 / q, b: (p, q) => -p / (q * q) },
  maximum: { a: (p, q) => ordered(p, q, p >= q), b: (p, q) => ordered(p, q, p < q) },
  minimum: { a: (p, q) => ordered(p, q, p <= q), b: (p, q) => ordered(p, q, p > q) },
  power: {
    a: (p, q) => (q === 0 ? 0 : q * p ** (q - 1)),
    b: (p, q) => (p <= 0 ? ordered(p, q, false) : p ** q * Math.log(p)),
  },
  squared_difference: { a: (p, q) => 2 * (p - q), b: (p, q) => 2 * (q - p) },
  modulo: { a: one, b: (p, q) => -Math.floor(p / q) },
  atan2: {
    a: (p, q) => (p === 0 && q === 0 ? 0 : q / (p * p + q * q)),
    b: (p, q) => (p === 0 && q === 0 ? 0 : -p / (p * p + q * q)),
  },
  equal: flat,
  not_equal: flat,
  greater: flat,
  greater_equal: flat,
  less: flat,
  less_equal: flat,
};
