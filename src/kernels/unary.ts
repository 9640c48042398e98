// Elementary functions of one tensor and their gradient; the non-linearities of networks are in
// activation.ts.
import { withGradient, type Problem, type Distribution } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { erf } from "../tensor/erf.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

/** The functions, in the order of the shaders' KIND. */
export const UNARY_KINDS = [
  "identity",
  "negate",
  "abs",
  "sign",
  "square",
  "sqrt",
  "reciprocal_sqrt",
  "reciprocal",
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tan",
  "sinh",
  "cosh",
  "atan",
  "erf",
  "floor",
  "ceil",
  "round",
  "affine",
  "clamp",
] as const;
/** One of the elementary functions; `round` takes a half to the even neighbour. */
export type UnaryKind = (typeof UNARY_KINDS)[number];
/**
 * The function; `alpha` and `beta` are the factor and summand of affine, or the lower and upper
 * bound of clamp.
 */
export interface UnaryAttributes {
  readonly kind: UnaryKind;
  readonly alpha: number;
  readonly beta: number;
}

const POSITIVE: Distribution = { kind: "uniform", low: 0.05, high: 20 };
const domains: Partial<Record<UnaryKind, Distribution>> = {
  sqrt: POSITIVE,
  reciprocal_sqrt: POSITIVE,
  reciprocal: POSITIVE,
  log: POSITIVE,
  log1p: { kind: "uniform", low: -0.9, high: 3 },
  expm1: { kind: "normal", deviation: 0.5 },
  tan: { kind: "uniform", low: -1.3, high: 1.3 },
};
const LINEAR: readonly UnaryKind[] = ["identity", "negate"];
const sizes: readonly [string, Shape][] = [
  ["empty", [0]],
  ["a scalar", []],
  ["a workgroup less one", [1023]],
  ["a workgroup and one", [41, 25]],
  ["prime", [2, 503, 3]],
];
const cases: Problem<"x", UnaryAttributes>[] = [
  ...UNARY_KINDS.map((kind) => ({
    name: kind,
    shapes: { x: [3, 7, 61] },
    attributes: { kind, alpha: -0.7, beta: 1.3 },
    data: { x: domains[kind] ?? ({ kind: "normal", deviation: 3 } as const) },
  })),
  ...sizes.map(([name, shape]) => ({
    name: `affine, ${name}`,
    shapes: { x: shape },
    attributes: { kind: "affine" as const, alpha: 2, beta: -1 },
  })),
];

/** y = f(x). x [any] -> y of the same shape. */
export const unary: Kernel<typeof shaders.unary, UnaryAttributes> = kernel({
  shader: shaders.unary,
  shapes: ({ x }) => ({ y: x }),
  params: ({ x }, { alpha, beta }) => ({ n: size(x), alpha, beta }),
  overrides: (_, { kind }) => ({ KIND: UNARY_KINDS.indexOf(kind) }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  // a transcendental counts as 8
  cost: ({ x }) => ({ flops: 8 * size(x), bytes: 8 * size(x) }),
  cases: withGradient(cases, ({ attributes: { kind } }) => [
    { wrt: ["x"], linear: LINEAR.includes(kind) },
  ]),
  reference: ({ x }, _, { kind, alpha, beta }) => {
    const y = like(x, x.length);
    const f = functions[kind];
    for (let i = 0; i < x.length; i++) y[i] = f(x[i], alpha, beta);
    return { y };
  },
});

/**
 * d_x = d_y f'(x). x, d_y [any] -> d_x of the same shape; 0 where f jumps or is constant, NaN where
 * x is NaN, unless f is affine.
 */
export const unaryGrad: Kernel<typeof shaders.unary_grad, UnaryAttributes> = kernel({
  shader: shaders.unary_grad,
  shapes: ({ x, d_y }) => {
    expectShape({ d_y }, x, "x");
    return { d_x: x };
  },
  params: ({ x }, { alpha, beta }) => ({ n: size(x), alpha, beta }),
  overrides: (_, { kind }) => ({ KIND: UNARY_KINDS.indexOf(kind) }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  cost: ({ x }) => ({ flops: 9 * size(x), bytes: 12 * size(x) }),
  cases: cases.map((c) => ({ ...c, shapes: { x: c.shapes.x, d_y: c.shapes.x } })),
  reference: ({ x, d_y }, _, { kind, alpha, beta }) => {
    const d_x = like(x, x.length);
    const slope = slopes[kind];
    for (let i = 0; i < x.length; i++) d_x[i] = d_y[i] * slope(x[i], alpha, beta);
    return { d_x };
  },
});

/** The whole number nearest to v; a half goes to the even one. */
function roundHalfToEven(v: number): number {
  const below = Math.floor(v);
  if (v - below !== 0.5) return Math.round(v);
  return below % 2 === 0 ? below : below + 1;
}

const zero = (v: number): number => (Number.isNaN(v) ? NaN : 0);
const functions: Record<UnaryKind, (v: number, alpha: number, beta: number) => number> = {
  identity: (v) => v,
  negate: (v) => -v,
  abs: Math.abs,
  sign: Math.sign,
  square: (v) => v * v,
  sqrt: Math.sqrt,
  reciprocal_sqrt: (v) => 1 / Math.sqrt(v),
  reciprocal: (v) => 1 / v,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  atan: Math.atan,
  erf,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfToEven,
  affine: (v, alpha, beta) => alpha * v + beta,
  clamp: (v, alpha, beta) => Math.min(Math.max(v, alpha), beta),
};
const slopes: Record<UnaryKind, (v: number, alpha: number, beta: number) => number> = {
  identity: () => 1,
  negate: () => -1,
  abs: Math.sign,
  sign: zero,
  square: (v) => 2 * v,
  sqrt: (v) => 0.5 / Math.sqrt(v),
  reciprocal_sqrt: (v) => -0.5 / (Math.sqrt(v) * v),
  reciprocal: (v) => -1 / (v * v),
  exp: Math.exp,
  expm1: Math.exp,
  log: (v) => 1 / v,
  log1p: (v) => 1 / (1 + v),
  sin: Math.cos,
  cos: (v) => -Math.sin(v),
  tan: (v) => 1 + Math.tan(v) ** 2,
  sinh: Math.cosh,
  cosh: Math.sinh,
  atan: (v) => 1 / (1 + v * v),
  erf: (v) => (2 / Math.sqrt(Math.PI)) * Math.exp(-v * v),
  floor: zero,
  ceil: zero,
  round: zero,
  affine: (_, alpha) => alpha,
  clamp: (v, alpha, beta) => (Number.isNaN(v) ? NaN : Number(v >= alpha && v <= beta)),
};
