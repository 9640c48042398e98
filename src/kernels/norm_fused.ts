// Normalisation with what follows it in one kernel: activation, residual, and in the gradient the
// sum of two upstream gradients that may lie in wider rows. The plan makes them from norm,
// activation and addition; no normalised value is stored, the gradient computes it again.
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Grid, type Kernel } from "../engine/kernel.ts";
import { mapping, onSoftware } from "../engine/mapping.ts";
import type { Problem } from "../engine/problem.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { activation, activationGrad } from "./activation.ts";
import { fusedKind, type FusedActivation } from "./activation_fused.ts";
import {
  normApply,
  normGradChannel,
  normGradGroup,
  normGradInput,
  normGradPartial,
} from "./norm.ts";
import { normGeometry, type NormAttributes, type NormGeometry } from "./norm_geometry.ts";
import { isAbsent, quads, rowSlice } from "./row_slice.ts";
import { shaders } from "./shaders.gen.ts";

/** A normalisation and the activation behind it. */
export interface NormFusedAttributes extends NormAttributes {
  readonly activation: FusedActivation;
}

/** The same, and the first channel of each upstream gradient in its rows. */
export interface NormFusedGradAttributes extends NormFusedAttributes {
  readonly firsts: readonly [a: number, b: number];
}

const relu: FusedActivation = { kind: "relu", alpha: 0 };
const elu: FusedActivation = { kind: "elu", alpha: 1 };
const gelu: FusedActivation = { kind: "gelu", alpha: 0 };
const softplus: FusedActivation = { kind: "softplus", alpha: 0 };
const none: FusedActivation = { kind: "none", alpha: 0 };
const absent: Shape = [0];
const problems: readonly [name: string, x: Shape, attributes: NormFusedAttributes][] = [
  ["batch norm", [2, 9, 17, 24], { batches: 1, groups: 24, epsilon: 1e-5, activation: relu }],
  ["group norm", [3, 11, 13, 24], { batches: 3, groups: 3, epsilon: 1e-5, activation: elu }],
  ["alone", [2, 5, 7, 4], { batches: 2, groups: 4, epsilon: 1e-5, activation: none }],
  ["depth of six", [1, 3, 19, 12], { batches: 1, groups: 2, epsilon: 1e-5, activation: gelu }],
  ["one pixel", [1, 1, 1, 16], { batches: 1, groups: 2, epsilon: 1e-5, activation: softplus }],
  ["empty", [0, 4, 4, 8], { batches: 0, groups: 2, epsilon: 1e-5, activation: relu }],
  ["many channels", [2, 3, 2, 136], { batches: 2, groups: 4, epsilon: 1e-5, activation: elu }],
];

// The rows of the upstream gradients may be wider than those of x.
const upstreamAxes = { x: "B, P, C", d_a: "B, P, A", d_b: "B, P, D", gamma: "C", beta: "C" };

/** Cases from the problems, with the shapes of one kernel's inputs; every second one with extras. */
function casesOf<Input extends string, A>(
  make: (
    x: Shape,
    geometry: NormGeometry,
    attributes: NormFusedAttributes,
    extra: boolean,
  ) => Pick<Problem<Input, A>, "shapes" | "attributes">,
): Problem<Input, A>[] {
  const variance = { kind: "uniform", low: 0.2, high: 3 } as const;
  return problems.map(([name, x, attributes], i) => ({
    name,
    ...make(x, normGeometry(x, attributes), attributes, i % 2 === 1),
    data: { variance } as unknown as Problem<Input, A>["data"] & object,
  }));
}

/** Fields that all kernels of the family share. */
function commonParams(
  x: Shape,
  attributes: NormFusedAttributes,
): Record<"batches" | "pixels" | "quads" | "groups" | "group_depth" | "alpha", number> {
  const { batches, pixels, channels, groups } = normGeometry(x, attributes);
  return {
    batches,
    pixels,
    quads: quads("the channels", channels),
    groups,
    group_depth: channels / groups,
    alpha: attributes.activation.alpha,
  };
}

/** Workgroups of invocations with four channels of RUN pixels each. */
function runs(
  { batches, pixels, quads: width }: Record<"batches" | "pixels" | "quads", number>,
  { WG, RUN }: Record<"WG" | "RUN", number>,
): Grid {
  return foldGrid(Math.ceil((batches * Math.ceil(pixels / RUN) * width) / WG));
}

/**
 * y = f(norm(x)) + residual. x, residual? [B,P,C], mean, variance [B,G], gamma, beta [C] -> y as x;
 * throws unless C is a multiple of 4.
 */
export const normFusedApply: Kernel<typeof shaders.norm_fused_apply, NormFusedAttributes> = kernel({
  shader: shaders.norm_fused_apply,
  axes: {
    x: "B, P, C",
    mean: "B, G",
    variance: "B, G",
    gamma: "C",
    beta: "C",
    residual: "B, P, C",
  },
  shapes: ({ x, mean, variance, gamma, beta, residual }, attributes) => {
    normApply.shapes({ x, mean, variance, gamma, beta }, attributes);
    if (!isAbsent(residual)) expectShape({ residual }, x, "x");
    quads("the channels", x.at(-1) ?? 0);
    return { y: x };
  },
  params: ({ x, residual }, attributes) => ({
    ...commonParams(x, attributes),
    has_residual: Number(!isAbsent(residual)),
    epsilon: attributes.epsilon,
  }),
  overrides: (_, attributes) => fusedKind(attributes.activation),
  grid: runs,
  // as norm_apply and activation, and one sum
  cost: ({ x, residual }) => ({
    flops: 22 * size(x),
    bytes: 8 * size(x) + (isAbsent(residual) ? 0 : 4 * size(x)),
  }),
  cases: casesOf((x, { batches, groups, channels }, attributes, extra) => ({
    shapes: {
      x,
      mean: [batches, groups],
      variance: [batches, groups],
      gamma: [channels],
      beta: [channels],
      residual: extra ? x : absent,
    },
    attributes,
  })),
  reference: ({ residual, ...inputs }, shapes, attributes) => {
    const { y } = normApply.reference(inputs, shapes, attributes);
    const made = activated(y, attributes);
    for (let i = 0; i < residual.length; i++) made[i] += residual[i];
    return { y: made };
  },
  variants: () => [normFusedApplyRows],
});

/** As `normFusedApply`, with long runs of pixels per invocation: for software adapters. */
export const normFusedApplyRows: Kernel<typeof shaders.norm_fused_apply_rows, NormFusedAttributes> =
  mapping(normFusedApply, {
    shader: shaders.norm_fused_apply_rows,
    grid: runs,
    suits: onSoftware,
  });

function activated<T extends NumberArray>(
  x: T,
  { activation: { kind, alpha } }: NormFusedAttributes,
): T {
  return kind === "none" ? x : activation.reference({ x }, { x: [x.length] }, { kind, alpha }).y;
}

/** The gradient behind the normalisation: the sum of both upstream ones times f'(norm(x)). */
function upstream<T extends NumberArray>(
  inputs: Record<"x" | "d_a" | "d_b" | "mean" | "variance" | "gamma" | "beta", T>,
  shapes: Record<"x" | "d_a" | "d_b" | "mean" | "variance" | "gamma" | "beta", Shape>,
  attributes: NormFusedGradAttributes,
): T {
  const channels = shapes.x.at(-1)!;
  const d_y = like(inputs.x, size(shapes.x));
  (["d_a", "d_b"] as const).forEach((name, n) => {
    if (isAbsent(shapes[name])) return;
    const pitch = shapes[name].at(-1)!;
    for (let i = 0; i < d_y.length; i++) {
      const row = Math.floor(i / channels);
      d_y[i] += inputs[name][row * pitch + attributes.firsts[n] + (i % channels)];
    }
  });
  const { kind, alpha } = attributes.activation;
  if (kind === "none") return d_y;
  const { y: x } = normApply.reference(inputs, shapes, attributes);
  const flat = { x: [x.length], d_y: [x.length] };
  return activationGrad.reference({ x, d_y }, flat, { kind, alpha }).d_x;
}

type Upstream = Record<"d_a" | "d_b", Shape>;

/** Pitches and first channels of the upstream gradients; throws if they do not fit. */
function upstreamParams(
  { x, d_a, d_b }: Upstream & { readonly x: Shape },
  { firsts: [first_a, first_b] }: NormFusedGradAttributes,
): Record<"a_pitch" | "a_first" | "b_pitch" | "b_first", number> {
  const rows = size(x.slice(0, -1));
  const channels = x.at(-1) ?? 0;
  const a = rowSlice("d_a", d_a, rows, channels, first_a);
  const b = rowSlice("d_b", d_b, rows, channels, first_b);
  return { a_pitch: a.pitch, a_first: a.first, b_pitch: b.pitch, b_first: b.first };
}

/** Upstream gradients for a case: one as x, or a slice of wider rows and another one. */
function upstreamCase(
  x: Shape,
  extra: boolean,
): Upstream & { readonly firsts: readonly [number, number] } {
  const rows = x.slice(0, -1);
  const channels = x.at(-1)!;
  return extra
    ? { d_a: [...rows, channels + 12], d_b: [...rows, channels + 4], firsts: [8, 4] }
    : { d_a: x, d_b: absent, firsts: [0, 0] };
}

/**
 * Sums of the gradient behind the normalisation per slice. x [B,P,C], d_a, d_b? [B,P, pitch of its
 * own], mean, variance [B,G], gamma, beta [C] -> slab_sums [B,S,2,C].
 */
export const normFusedGradSums: Kernel<
  typeof shaders.norm_fused_grad_sums,
  NormFusedGradAttributes
> = kernel({
  shader: shaders.norm_fused_grad_sums,
  axes: { ...upstreamAxes, mean: "B, G", variance: "B, G" },
  shapes: ({ x, d_a, d_b, mean, variance, gamma, beta }, attributes) => {
    normApply.shapes({ x, mean, variance, gamma, beta }, attributes);
    upstreamParams({ x, d_a, d_b }, attributes);
    const { batches, slabs, channels } = normGeometry(x, attributes);
    return { slab_sums: [batches, slabs, 2, channels] };
  },
  params: (inputs, attributes) => ({
    ...commonParams(inputs.x, attributes),
    ...upstreamParams(inputs, attributes),
    slabs: normGeometry(inputs.x, attributes).slabs,
    epsilon: attributes.epsilon,
  }),
  overrides: (_, attributes) => fusedKind(attributes.activation),
  grid: ({ batches, slabs, quads: width }, { WG }) =>
    foldGrid(Math.ceil((batches * slabs * width) / WG)),
  cost: ({ x, d_b }) => ({ flops: 17 * size(x), bytes: (isAbsent(d_b) ? 8 : 12) * size(x) }),
  cases: casesOf((x, { batches, groups, channels }, attributes, extra) => {
    const { firsts, ...d } = upstreamCase(x, extra);
    const statistic = [batches, groups];
    return {
      shapes: {
        x,
        ...d,
        mean: statistic,
        variance: statistic,
        gamma: [channels],
        beta: [channels],
      },
      attributes: { ...attributes, firsts },
    };
  }),
  reference: (inputs, shapes, attributes) => {
    const d_y = upstream(inputs, shapes, attributes);
    const { slab_sum, slab_dot } = normGradPartial.reference(
      { ...inputs, d_y },
      { ...shapes, d_y: shapes.x },
      attributes,
    );
    const { batches, slabs, channels } = normGeometry(shapes.x, attributes);
    const slab_sums = like(inputs.x, 2 * batches * slabs * channels);
    for (let row = 0; row < batches * slabs; row++) {
      const own = [row * channels, (row + 1) * channels] as const;
      slab_sums.set(slab_sum.subarray(...own), 2 * own[0]);
      slab_sums.set(slab_dot.subarray(...own), 2 * own[0] + channels);
    }
    return { slab_sums };
  },
});

/** The number of groups, and the number added to the variance. */
export type NormFusedSharedAttributes = Pick<NormAttributes, "groups" | "epsilon">;

/**
 * Gradients of scale and shift, and the numbers of a set: its mean, 1 / deviation and two sums.
 * slab_sums [B,S,2,C], mean, variance [B,G], gamma [C] -> d_gamma, d_beta [C], sets [B,G,4].
 */
export const normFusedGradShared: Kernel<
  typeof shaders.norm_fused_grad_shared,
  NormFusedSharedAttributes
> = kernel({
  shader: shaders.norm_fused_grad_shared,
  axes: { slab_sums: "B, S, 2, C", mean: "B, G", variance: "B, G", gamma: "C" },
  shapes: ({ slab_sums, mean, variance, gamma }, { groups }) => {
    const [batches = 0, slabs = 0, , channels = 0] = slab_sums;
    expectShape({ slab_sums }, [batches, slabs, 2, channels]);
    expectShape({ mean, variance }, [batches, groups]);
    normGradGroup.shapes(splitShapes(slab_sums, gamma), { groups });
    return { d_gamma: gamma, d_beta: gamma, sets: [batches, groups, 4] };
  },
  params: ({ slab_sums: [batches = 0, slabs = 0, , channels = 0] }, { groups, epsilon }) => ({
    batches,
    channels,
    groups,
    slabs,
    epsilon,
  }),
  grid: ({ batches, channels, groups }, { WG }) =>
    foldGrid(Math.ceil((channels + batches * groups) / WG)),
  cost: ({ slab_sums }) => ({ flops: 3 * size(slab_sums), bytes: 8 * size(slab_sums) }),
  terms: ({ slab_sums: [batches, slabs, , channels] }, { groups }) =>
    Math.max(batches * slabs, (slabs * channels) / groups) + 1,
  cases: casesOf((_, { batches, slabs, groups, channels }, { epsilon }) => ({
    shapes: {
      slab_sums: [batches, slabs, 2, channels],
      mean: [batches, groups],
      variance: [batches, groups],
      gamma: [channels],
    },
    attributes: { groups, epsilon },
  })),
  reference: ({ slab_sums, mean, variance, gamma }, shapes, { groups, epsilon }) => {
    const parts = splitShapes(shapes.slab_sums, shapes.gamma);
    const channels = size(shapes.gamma);
    const slab_sum = like(slab_sums, slab_sums.length / 2);
    const slab_dot = like(slab_sums, slab_sums.length / 2);
    for (let row = 0; row < size(parts.slab_sum.slice(0, 2)); row++) {
      const from = 2 * row * channels;
      slab_sum.set(slab_sums.subarray(from, from + channels), row * channels);
      slab_dot.set(slab_sums.subarray(from + channels, from + 2 * channels), row * channels);
    }
    const { group_sum, group_dot } = normGradGroup.reference({ slab_sum, slab_dot, gamma }, parts, {
      groups,
    });
    const sets = like(slab_sums, 4 * mean.length);
    for (let at = 0; at < mean.length; at++) {
      const numbers = [
        mean[at],
        1 / Math.sqrt(variance[at] + epsilon),
        group_sum[at],
        group_dot[at],
      ];
      sets.set(numbers, 4 * at);
    }
    return { ...normGradChannel.reference({ slab_sum, slab_dot }, parts, undefined), sets };
  },
});

/** The shapes of sums and products apart. */
function splitShapes(
  [batches = 0, slabs = 0, , channels = 0]: Shape,
  gamma: Shape,
): Record<"slab_sum" | "slab_dot" | "gamma", Shape> {
  const slabs_of = [batches, slabs, channels];
  return { slab_sum: slabs_of, slab_dot: slabs_of, gamma };
}

/**
 * d_x = r (gamma g - (group_sum + xhat group_dot) / n), g the gradient behind the normalisation. x
 * [B,P,C], d_a, d_b? [B,P, pitch of its own], gamma, beta [C], sets [B,G,4] -> d_x as x.
 */
export const normFusedGradInput: Kernel<
  typeof shaders.norm_fused_grad_input,
  NormFusedGradAttributes
> = kernel({
  shader: shaders.norm_fused_grad_input,
  axes: { ...upstreamAxes, sets: "B, G, 4" },
  shapes: ({ x, d_a, d_b, gamma, beta, sets }, attributes) => {
    const { batches, groups, channels } = normGeometry(x, attributes);
    expectShape({ gamma, beta }, [channels]);
    expectShape({ sets }, [batches, groups, 4]);
    upstreamParams({ x, d_a, d_b }, attributes);
    return { d_x: x };
  },
  params: (inputs, attributes) => {
    const { pixels, channels, groups } = normGeometry(inputs.x, attributes);
    return {
      ...commonParams(inputs.x, attributes),
      ...upstreamParams(inputs, attributes),
      share: groups / Math.max(1, pixels * channels),
    };
  },
  overrides: (_, attributes) => fusedKind(attributes.activation),
  grid: runs,
  cost: ({ x, d_b }) => ({ flops: 26 * size(x), bytes: (isAbsent(d_b) ? 12 : 16) * size(x) }),
  cases: casesOf<"x" | "d_a" | "d_b" | "gamma" | "beta" | "sets", NormFusedGradAttributes>(
    (x, { batches, groups, channels }, attributes, extra) => {
      const { firsts, ...d } = upstreamCase(x, extra);
      return {
        shapes: { x, ...d, gamma: [channels], beta: [channels], sets: [batches, groups, 4] },
        attributes: { ...attributes, firsts },
      };
    },
  ).map((c) => ({ ...c, data: { sets: { kind: "uniform", low: 0.2, high: 3 } } })),
  reference: ({ sets, ...inputs }, shapes, attributes) => {
    // of a set: its mean, and 1 / deviation as the variance that gives it without an epsilon
    const numbers = (n: number, map = (v: number): number => v): typeof sets => {
      const out = like(sets, sets.length / 4);
      for (let at = 0; at < out.length; at++) out[at] = map(sets[4 * at + n]);
      return out;
    };
    const exact = { ...attributes, epsilon: 0, fixed: false };
    const mean = numbers(0);
    const variance = numbers(1, (r) => 1 / r ** 2);
    const statistic = shapes.sets.slice(0, 2);
    const of = { ...shapes, mean: statistic, variance: statistic };
    const d_y = upstream({ ...inputs, mean, variance }, of, exact);
    return normGradInput.reference(
      { ...inputs, d_y, mean, variance, group_sum: numbers(2), group_dot: numbers(3) },
      { ...of, d_y: shapes.x, group_sum: statistic, group_dot: statistic },
      exact,
    );
  },
});
