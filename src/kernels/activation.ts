// Elementwise non-linearities (relu, leaky relu, elu, exact gelu, sigmoid, softplus, tanh) and
// their gradient.
import { withGradient, type Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { erf } from "../tensor/erf.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Grid, type Kernel } from "../engine/kernel.ts";
import { mapping, onSoftware } from "../engine/mapping.ts";
import { inSubgroups } from "../engine/subgroups.ts";
import { shaders } from "./shaders.gen.ts";

/** The non-linearities, in the order of the shaders' KIND. */
export const ACTIVATIONS = [
  "relu",
  "leaky_relu",
  "elu",
  "gelu",
  "sigmoid",
  "softplus",
  "tanh",
] as const;
/** One of the non-linearities. */
export type Activation = (typeof ACTIVATIONS)[number];
/** The non-linearity; `alpha` is the slope of leaky relu or the scale of elu below zero. */
export interface ActivationAttributes {
  readonly kind: Activation;
  readonly alpha: number;
}

const sizes: readonly [string, Shape][] = [
  ["empty", [0]],
  ["one", [1]],
  ["a workgroup less one", [1023]],
  ["a workgroup of fours less one", [1020]],
  ["a workgroup of fours and one", [1028]],
  ["a workgroup and one", [41, 25]],
  ["prime", [2, 503, 3]],
];
const cases: Problem<"x", ActivationAttributes>[] = [
  ...ACTIVATIONS.map((kind) => ({
    name: kind,
    shapes: { x: [3, 7, 61] },
    attributes: { kind, alpha: 0.2 },
    data: { x: { kind: "normal", deviation: 3 } as const },
  })),
  ...ACTIVATIONS.map((kind) => ({
    name: `${kind} in fours`,
    shapes: { x: [4, 7, 37] },
    attributes: { kind, alpha: 0.2 },
    data: { x: { kind: "normal", deviation: 3 } as const },
  })),
  ...sizes.map(([name, shape]) => ({
    name: `elu ${name}`,
    shapes: { x: shape },
    attributes: { kind: "elu" as const, alpha: 1 },
  })),
];

/** Zeros and ones: the slope at 0, where some have two. */
const atZero = (kind: Activation): Problem<"x", ActivationAttributes> => ({
  name: `${kind} of zeros and ones`,
  shapes: { x: [4, 8] },
  attributes: { kind, alpha: 0.2 },
  data: { x: { kind: "mask", share: 0.5 } },
});

type Steps = { readonly LANES: number; readonly STEP: number };
const gridOfLanes = ({ n }: { n: number }, { LANES, STEP }: Steps): Grid =>
  foldGrid(Math.ceil(n / 4 / (LANES * STEP)));
const inFours = (_: unknown, { x }: Readonly<Record<"x", Shape>>): boolean => size(x) % 4 === 0;
const grid = ({ n }: { n: number }, { WG, STEP }: { WG: number; STEP: number }): Grid =>
  foldGrid(Math.ceil(n / (WG * STEP)));
const gridOfFours: typeof grid = ({ n }, constants) => grid({ n: n / 4 }, constants);

/** y = f(x). x [any] -> y of the same shape. */
export const activation: Kernel<typeof shaders.activation, ActivationAttributes> = kernel({
  shader: shaders.activation,
  shapes: ({ x }) => ({ y: x }),
  params: ({ x }, { alpha }) => ({ n: size(x), alpha }),
  overrides: (_, { kind }) => ({ KIND: ACTIVATIONS.indexOf(kind) }),
  grid,
  // a transcendental counts as 8
  cost: ({ x }) => ({ flops: 8 * size(x), bytes: 8 * size(x) }),
  cases: withGradient(cases, { wrt: ["x"] }),
  reference: ({ x }, _, { kind, alpha }) => {
    const y = like(x, x.length);
    for (let i = 0; i < x.length; i++) y[i] = forward[kind](x[i], alpha);
    return { y };
  },
  variants: () => [activationSubgroup, activationVec4],
});

/** As `activation`, in fours, many of them per lane: for software adapters. */
export const activationSubgroup: Kernel<typeof shaders.activation_subgroup, ActivationAttributes> =
  mapping(activation, {
    shader: shaders.activation_subgroup,
    grid: gridOfLanes,
    runs: (facts, shapes) => inSubgroups(facts) && inFours(facts, shapes),
    suits: onSoftware,
  });

/** As `activation`, four elements per load: where their number is a multiple of four. */
export const activationVec4: Kernel<typeof shaders.activation_vec4, ActivationAttributes> = mapping(
  activation,
  { shader: shaders.activation_vec4, grid: gridOfFours, runs: inFours },
);

/** d_x = d_y f'(x), NaN where x is NaN. x, d_y [any] -> d_x of the same shape. */
export const activationGrad: Kernel<typeof shaders.activation_grad, ActivationAttributes> = kernel({
  shader: shaders.activation_grad,
  shapes: ({ x, d_y }) => {
    expectShape({ d_y }, x, "x");
    return { d_x: x };
  },
  params: ({ x }, { alpha }) => ({ n: size(x), alpha }),
  overrides: (_, { kind }) => ({ KIND: ACTIVATIONS.indexOf(kind) }),
  grid,
  cost: ({ x }) => ({ flops: 9 * size(x), bytes: 12 * size(x) }),
  cases: [...cases, ...ACTIVATIONS.map(atZero)].map((c) => ({
    ...c,
    shapes: { x: c.shapes.x, d_y: c.shapes.x },
  })),
  reference: ({ x, d_y }, _, { kind, alpha }) => {
    const d_x = like(x, x.length);
    for (let i = 0; i < x.length; i++)
      d_x[i] = d_y[i] * (Number.isNaN(x[i]) ? NaN : slope[kind](x[i], alpha));
    return { d_x };
  },
  variants: () => [activationGradSubgroup, activationGradVec4],
});

/** As `activationGrad`, in fours, many of them per lane: for software adapters. */
export const activationGradSubgroup: Kernel<
  typeof shaders.activation_grad_subgroup,
  ActivationAttributes
> = mapping(activationGrad, {
  shader: shaders.activation_grad_subgroup,
  grid: gridOfLanes,
  runs: (facts, shapes) => inSubgroups(facts) && inFours(facts, shapes),
  suits: onSoftware,
});

/** As `activationGrad`, four elements per load: where their number is a multiple of four. */
export const activationGradVec4: Kernel<typeof shaders.activation_grad_vec4, ActivationAttributes> =
  mapping(activationGrad, {
    shader: shaders.activation_grad_vec4,
    grid: gridOfFours,
    runs: inFours,
  });

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
const forward: Record<Activation, (v: number, alpha: number) => number> = {
  relu: (v) => Math.max(v, 0),
  leaky_relu: (v, alpha) => (v > 0 ? v : alpha * v),
  elu: (v, alpha) => (v > 0 ? v : alpha * Math.expm1(v)),
  gelu: (v) => v * normalCdf(v),
  sigmoid,
  softplus: (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))),
  tanh: Math.tanh,
};
const slope: Record<Activation, (v: number, alpha: number) => number> = {
  relu: (v) => (v > 0 ? 1 : 0),
  leaky_relu: (v, alpha) => (v > 0 ? 1 : alpha),
  elu: (v, alpha) => (v > 0 ? 1 : alpha * Math.exp(v)),
  gelu: (v) => normalCdf(v) + (v * Math.exp(-0.5 * v * v)) / Math.sqrt(2 * Math.PI),
  sigmoid: (v) => sigmoid(v) * (1 - sigmoid(v)),
  softplus: sigmoid,
  tanh: (v) => 1 - Math.tanh(v) ** 2,
};

/** Phi(v), the normal distribution function. */
function normalCdf(v: number): number {
  return (1 + erf(v / Math.SQRT2)) / 2;
}
