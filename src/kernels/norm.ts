// Normalisation over sets of pixels and channels: batch, group, instance and layer norm are one
// family that differs in which elements share statistics. x is viewed as [B, P, C] with C in G
// groups; a set is (b, all p, the channels of g).
//   batch norm  B = 1,    P = V H W, G = C        group norm  B = V, P = H W, G groups
//   layer norm  B = rows, P = 1,     G = 1        instance norm: group norm with G = C
import {
  normGeometry,
  checkGroups,
  type NormAttributes,
  type NormGeometry,
} from "./norm_geometry.ts";
import { withGradient, type Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

const problems: readonly [name: string, x: Shape, attributes: NormAttributes][] = [
  ["batch norm", [2, 9, 17, 24], { batches: 1, groups: 24, epsilon: 1e-5 }],
  ["group norm", [3, 11, 13, 24], { batches: 3, groups: 3, epsilon: 1e-5 }],
  ["instance norm", [2, 5, 7, 3], { batches: 2, groups: 3, epsilon: 1e-5 }],
  ["layer norm", [5, 37, 67], { batches: 185, groups: 1, epsilon: 1e-6 }],
  ["one pixel", [1, 1, 1, 16], { batches: 1, groups: 2, epsilon: 1e-5 }],
  ["one channel", [1, 31, 1, 1], { batches: 1, groups: 1, epsilon: 1e-3 }],
  ["empty", [0, 4, 4, 8], { batches: 0, groups: 2, epsilon: 1e-5 }],
];
// enough slabs of pixels, and batches, that the sums of the gradients take passes of their own
const MANY_SUMS: Readonly<Record<string, Shape>> = {
  "one channel": [1, 33, 17, 16],
  "instance norm": [259, 2, 1, 3],
};
/** Cases from the problems, with the shapes of one kernel's inputs. */
function casesOf<Input extends string>(
  shapes: (x: Shape, geometry: NormGeometry) => Record<Input, Shape>,
  positive: readonly NoInfer<Input>[] = [],
): Problem<Input, NormAttributes>[] {
  const data = Object.fromEntries(
    positive.map((name) => [name, { kind: "uniform", low: 0.2, high: 3 }]),
  );
  return problems.map(([name, x, attributes]) => ({
    name,
    shapes: shapes(x, normGeometry(x, attributes)),
    attributes,
    data: data as Problem<Input, NormAttributes>["data"] & object,
  }));
}

/** Mean and sum of squared deviations per slice. x [B,P,C] -> slab_mean, slab_m2 [B,S,G]. */
export const normPartial: Kernel<typeof shaders.norm_partial, NormAttributes> = kernel({
  shader: shaders.norm_partial,
  axes: { x: "B, P, C" },
  shapes: ({ x }, attributes) => {
    const { batches, slabs, groups } = normGeometry(x, attributes);
    return { slab_mean: [batches, slabs, groups], slab_m2: [batches, slabs, groups] };
  },
  params: ({ x }, attributes) => normGeometry(x, attributes),
  grid: ({ batches, slabs, groups }, { WG }) =>
    foldGrid(Math.ceil((batches * slabs * groups) / WG)),
  // per element: a subtraction, a multiplication and two additions
  cost: ({ x }) => ({ flops: 4 * size(x), bytes: 4 * size(x) }),
  cases: withGradient(
    casesOf((x) => ({ x })),
    ({ name, shapes: { x } }) =>
      [x, MANY_SUMS[name] ?? []].flatMap((shape) => {
        const channels = shape.slice(-1);
        const shapes = { x: shape, gamma: channels, beta: channels };
        return channels.length === 0 ? [] : [{ wrt: ["x", "gamma", "beta"], shapes }];
      }),
  ),
  reference: ({ x }, shapes, attributes) => {
    const { batches, pixels, channels, groups, slabs } = normGeometry(shapes.x, attributes);
    const slab_mean = like(x, batches * slabs * groups);
    const slab_m2 = like(x, batches * slabs * groups);
    const depth = channels / groups;
    const slab = Math.ceil(pixels / slabs);
    for (let b = 0; b < batches; b++) {
      for (let s = 0; s < slabs; s++) {
        const first = s * slab;
        const last = Math.min(first + slab, pixels);
        if (first >= last) continue;
        const n = (last - first) * depth;
        for (let g = 0; g < groups; g++) {
          const at = (b * slabs + s) * groups + g;
          let sum = 0;
          for (let p = first; p < last; p++) {
            const row = (b * pixels + p) * channels + g * depth;
            for (let d = 0; d < depth; d++) sum += x[row + d];
          }
          const mean = sum / n;
          let squares = 0;
          for (let p = first; p < last; p++) {
            const row = (b * pixels + p) * channels + g * depth;
            for (let d = 0; d < depth; d++) squares += (x[row + d] - mean) ** 2;
          }
          slab_mean[at] = mean;
          slab_m2[at] = squares;
        }
      }
    }
    return { slab_mean, slab_m2 };
  },
});

/** The shape facts that a merge needs about the tensor whose slices it merges. */
export type MergeAttributes = NormAttributes & { readonly shape: Shape };

/** Merges slices into statistics. slab_mean, slab_m2 [B,S,G] -> mean, variance [B,G] (biased). */
export const normStatistics: Kernel<typeof shaders.norm_statistics, MergeAttributes> = kernel({
  shader: shaders.norm_statistics,
  axes: { slab_mean: "B, S, G", slab_m2: "B, S, G" },
  shapes: ({ slab_mean, slab_m2 }, attributes) => {
    const { batches, slabs, groups } = normGeometry(attributes.shape, attributes);
    expectShape({ slab_mean, slab_m2 }, [batches, slabs, groups]);
    return { mean: [batches, groups], variance: [batches, groups] };
  },
  params: (_, attributes) => normGeometry(attributes.shape, attributes),
  grid: ({ batches, groups }, { WG }) => foldGrid(Math.ceil((batches * groups) / WG)),
  // eight operations per slice
  cost: ({ slab_mean }) => ({ flops: 8 * size(slab_mean), bytes: 8 * size(slab_mean) }),
  cases: casesOf(
    (_, { batches, slabs, groups }) => ({
      slab_mean: [batches, slabs, groups],
      slab_m2: [batches, slabs, groups],
    }),
    ["slab_m2"],
  ).map((c, i) => ({ ...c, attributes: { ...c.attributes, shape: problems[i][1] } })),
  reference: ({ slab_mean, slab_m2 }, _, attributes) => {
    const { batches, pixels, channels, groups, slabs } = normGeometry(attributes.shape, attributes);
    const mean = like(slab_mean, batches * groups);
    const variance = like(slab_mean, batches * groups);
    const slab = Math.ceil(pixels / slabs);
    for (let b = 0; b < batches; b++) {
      for (let g = 0; g < groups; g++) {
        let [n, m, m2] = [0, 0, 0];
        for (let s = 0; s < slabs; s++) {
          const count = (Math.min((s + 1) * slab, pixels) - s * slab) * (channels / groups);
          if (count <= 0) break;
          const at = (b * slabs + s) * groups + g;
          const delta = slab_mean[at] - m;
          m += (delta * count) / (n + count);
          m2 += slab_m2[at] + (delta * delta * n * count) / (n + count);
          n += count;
        }
        mean[b * groups + g] = m;
        variance[b * groups + g] = m2 / Math.max(n, 1);
      }
    }
    return { mean, variance };
  },
});

/** The rate at which running statistics move, and the factor that makes the variance unbiased. */
export interface RunningAttributes {
  readonly momentum: number;
  /** n / (n - 1), with n elements per channel. */
  readonly unbias: number;
}

/**
 * Moves running statistics towards those of a batch. mean, variance, running_mean, running_variance
 * [C].
 */
export const normRunning: Kernel<typeof shaders.norm_running, RunningAttributes> = kernel({
  shader: shaders.norm_running,
  axes: { mean: "C", variance: "C", running_mean: "C", running_variance: "C" },
  shapes: ({ mean, variance, running_mean, running_variance }) => {
    expectShape({ mean, variance, running_mean, running_variance }, [size(running_mean)]);
    return {};
  },
  params: ({ running_mean }, { momentum, unbias }) => ({
    channels: size(running_mean),
    unbias,
    momentum,
  }),
  grid: ({ channels }, { WG }) => [Math.ceil(channels / WG), 1, 1],
  cost: ({ mean }) => ({ flops: 7 * size(mean), bytes: 24 * size(mean) }),
  cases: [1, 63, 64, 67].map((c) => ({
    name: `${c} channels`,
    shapes: { mean: [c], variance: [c], running_mean: [c], running_variance: [c] },
    attributes: { momentum: 0.1, unbias: 30 / 29 },
    data: {
      variance: { kind: "uniform", low: 0, high: 2 },
      running_variance: { kind: "uniform", low: 0, high: 2 },
    },
  })),
  reference: ({ mean, variance, running_mean, running_variance }, _, { momentum, unbias }) => {
    const next_mean = like(mean, mean.length);
    const next_variance = like(mean, mean.length);
    for (let c = 0; c < mean.length; c++) {
      next_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean[c];
      next_variance[c] = (1 - momentum) * running_variance[c] + momentum * unbias * variance[c];
    }
    return { running_mean: next_mean, running_variance: next_variance };
  },
});

/**
 * y = (x - mean) / sqrt(variance + epsilon) gamma + beta. x [B,P,C], mean, variance [B,G], gamma,
 * beta [C].
 */
export const normApply: Kernel<typeof shaders.norm_apply, NormAttributes> = kernel({
  shader: shaders.norm_apply,
  axes: { x: "B, P, C", mean: "B, G", variance: "B, G", gamma: "C", beta: "C" },
  shapes: ({ x, mean, variance, gamma, beta }, attributes) => {
    const geometry = normGeometry(x, attributes);
    checkStatistics({ mean, variance }, geometry);
    expectShape({ gamma, beta }, [geometry.channels]);
    return { y: x };
  },
  params: ({ x }, attributes) => elementParams(x, attributes),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  // subtract, add epsilon, root (8), two products, one sum
  cost: ({ x }) => ({ flops: 13 * size(x), bytes: 8 * size(x) }),
  cases: withGradient(
    casesOf(
      (x, { batches, groups, channels }) => ({
        x,
        mean: [batches, groups],
        variance: [batches, groups],
        gamma: [channels],
        beta: [channels],
      }),
      ["variance"],
    ),
    { wrt: ["x", "gamma", "beta"] },
    { wrt: ["gamma", "beta"], linear: true },
  ),
  reference: ({ x, mean, variance, gamma, beta }, shapes, attributes) => {
    const { batches, pixels, channels, groups } = normGeometry(shapes.x, attributes);
    const y = like(x, x.length);
    const depth = channels / groups;
    for (let b = 0; b < batches; b++) {
      for (let c = 0; c < channels; c++) {
        const at = b * groups + Math.floor(c / depth);
        const scale = gamma[c] / Math.sqrt(variance[at] + attributes.epsilon);
        const [m, shift] = [mean[at], beta[c]];
        for (let p = 0, i = b * pixels * channels + c; p < pixels; p++, i += channels) {
          y[i] = (x[i] - m) * scale + shift;
        }
      }
    }
    return { y };
  },
});

/**
 * Sums of gradients per slice. x, d_y [B,P,C], mean, variance [B,G] -> slab_sum, slab_dot [B,S,C].
 */
export const normGradPartial: Kernel<typeof shaders.norm_grad_partial, NormAttributes> = kernel({
  shader: shaders.norm_grad_partial,
  axes: { x: "B, P, C", d_y: "B, P, C", mean: "B, G", variance: "B, G" },
  shapes: ({ x, d_y, mean, variance }, attributes) => {
    const geometry = normGeometry(x, attributes);
    expectShape({ d_y }, x, "x");
    checkStatistics({ mean, variance }, geometry);
    const { batches, slabs, channels } = geometry;
    return { slab_sum: [batches, slabs, channels], slab_dot: [batches, slabs, channels] };
  },
  params: ({ x }, attributes) => ({ ...normGeometry(x, attributes), epsilon: attributes.epsilon }),
  grid: ({ batches, slabs, channels }, { WG }) =>
    foldGrid(Math.ceil((batches * slabs * channels) / WG)),
  cost: ({ x }) => ({ flops: 4 * size(x), bytes: 8 * size(x) }),
  cases: casesOf(
    (x, { batches, groups }) => ({
      x,
      d_y: x,
      mean: [batches, groups],
      variance: [batches, groups],
    }),
    ["variance"],
  ),
  reference: ({ x, d_y, mean, variance }, shapes, attributes) => {
    const { batches, pixels, channels, groups, slabs } = normGeometry(shapes.x, attributes);
    const slab_sum = like(x, batches * slabs * channels);
    const slab_dot = like(x, batches * slabs * channels);
    const depth = channels / groups;
    const slab = Math.ceil(pixels / slabs);
    for (let b = 0; b < batches; b++) {
      for (let p = 0; p < pixels; p++) {
        const row = (b * pixels + p) * channels;
        const out = (b * slabs + Math.floor(p / slab)) * channels;
        for (let c = 0; c < channels; c++) {
          slab_sum[out + c] += d_y[row + c];
          slab_dot[out + c] +=
            d_y[row + c] * (x[row + c] - mean[b * groups + Math.floor(c / depth)]);
        }
      }
    }
    for (let i = 0; i < slab_dot.length; i++) {
      const at = Math.floor(i / (slabs * channels)) * groups + Math.floor((i % channels) / depth);
      slab_dot[i] /= Math.sqrt(variance[at] + attributes.epsilon);
    }
    return { slab_sum, slab_dot };
  },
});

/** Gradients of scale and shift. slab_sum, slab_dot [B,S,C] -> d_gamma, d_beta [C]. */
export const normGradChannel: Kernel<typeof shaders.norm_grad_channel> = kernel({
  shader: shaders.norm_grad_channel,
  axes: { slab_sum: "R, C", slab_dot: "R, C" },
  shapes: ({ slab_sum, slab_dot }) => {
    expectShape({ slab_dot }, slab_sum, "slab_sum");
    return { d_gamma: slab_sum.slice(-1), d_beta: slab_sum.slice(-1) };
  },
  params: ({ slab_sum }) => ({ rows: size(slab_sum.slice(0, -1)), channels: slab_sum.at(-1)! }),
  grid: ({ channels }, { WG }) => [Math.ceil(channels / WG), 1, 1],
  cost: ({ slab_sum }) => ({ flops: 2 * size(slab_sum), bytes: 8 * size(slab_sum) }),
  terms: ({ slab_sum }) => size(slab_sum.slice(0, -1)),
  cases: [
    [2, 3, 65],
    [1, 1, 1],
    [7, 1, 64],
    [0, 1, 8],
  ].map((shape) => ({
    name: shape.join("x"),
    shapes: { slab_sum: shape, slab_dot: shape },
    attributes: undefined,
  })),
  reference: ({ slab_sum, slab_dot }, shapes) => {
    const channels = shapes.slab_sum.at(-1)!;
    const d_gamma = like(slab_sum, channels);
    const d_beta = like(slab_sum, channels);
    for (let i = 0; i < slab_sum.length; i++) {
      d_gamma[i % channels] += slab_dot[i];
      d_beta[i % channels] += slab_sum[i];
    }
    return { d_gamma, d_beta };
  },
});

/**
 * Sums that the elements of a set share. slab_sum, slab_dot [B,S,C], gamma [C] -> group_sum,
 * group_dot [B,G].
 */
export const normGradGroup: Kernel<typeof shaders.norm_grad_group, { readonly groups: number }> =
  kernel({
    shader: shaders.norm_grad_group,
    axes: { slab_sum: "B, S, C", slab_dot: "B, S, C", gamma: "C" },
    shapes: ({ slab_sum, slab_dot, gamma }, { groups }) => {
      const [batches = 0, slabs = 0, channels = 0] = slab_sum;
      expectShape({ slab_sum }, [batches, slabs, channels]);
      expectShape({ slab_dot }, slab_sum, "slab_sum");
      expectShape({ gamma }, [channels]);
      checkGroups(channels, groups);
      return { group_sum: [batches, groups], group_dot: [batches, groups] };
    },
    params: ({ slab_sum: [batches = 0, slabs = 0, channels = 0] }, { groups }) => ({
      batches,
      channels,
      groups,
      slabs,
    }),
    grid: ({ batches, groups }, { WG }) => foldGrid(Math.ceil((batches * groups) / WG)),
    cost: ({ slab_sum }) => ({ flops: 4 * size(slab_sum), bytes: 8 * size(slab_sum) }),
    terms: ({ slab_sum }, { groups }) => (slab_sum[1] * slab_sum[2]) / groups + 1,
    cases: [
      { shape: [2, 3, 24], groups: 3 },
      { shape: [1, 2, 65], groups: 65 },
      { shape: [67, 1, 5], groups: 1 },
      { shape: [0, 1, 8], groups: 2 },
    ].map(({ shape, groups }) => ({
      name: `${shape.join("x")} in ${groups} groups`,
      shapes: { slab_sum: shape, slab_dot: shape, gamma: [shape[2]] },
      attributes: { groups },
    })),
    reference: ({ slab_sum, slab_dot, gamma }, shapes, { groups }) => {
      const [batches = 0, slabs = 0, channels = 0] = shapes.slab_sum;
      const group_sum = like(slab_sum, batches * groups);
      const group_dot = like(slab_sum, batches * groups);
      const depth = channels / groups;
      for (let i = 0; i < slab_sum.length; i++) {
        const c = i % channels;
        const at = Math.floor(i / (slabs * channels)) * groups + Math.floor(c / depth);
        group_sum[at] += gamma[c] * slab_sum[i];
        group_dot[at] += gamma[c] * slab_dot[i];
      }
      return { group_sum, group_dot };
    },
  });

/** Whether the statistics were given (evaluation) rather than taken from x. */
export type GradInputAttributes = NormAttributes & { readonly fixed: boolean };

/**
 * d_x = r (gamma d_y - (group_sum + xhat group_dot) / n), without the sums if the statistics are
 * fixed.
 */
export const normGradInput: Kernel<typeof shaders.norm_grad_input, GradInputAttributes> = kernel({
  shader: shaders.norm_grad_input,
  axes: {
    x: "B, P, C",
    d_y: "B, P, C",
    mean: "B, G",
    variance: "B, G",
    gamma: "C",
    group_sum: "B, G",
    group_dot: "B, G",
  },
  shapes: ({ x, d_y, mean, variance, gamma, group_sum, group_dot }, attributes) => {
    const geometry = normGeometry(x, attributes);
    expectShape({ d_y }, x, "x");
    checkStatistics({ mean, variance, group_sum, group_dot }, geometry);
    expectShape({ gamma }, [geometry.channels]);
    return { d_x: x };
  },
  params: ({ x }, attributes) => {
    const { pixels, channels, groups } = normGeometry(x, attributes);
    return { ...elementParams(x, attributes), share: groups / Math.max(1, pixels * channels) };
  },
  overrides: (_, { fixed }) => ({ FIXED: fixed }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  cost: ({ x }) => ({ flops: 17 * size(x), bytes: 12 * size(x) }),
  cases: [false, true].flatMap((fixed) =>
    casesOf(
      (x, { batches, groups, channels }) => ({
        x,
        d_y: x,
        mean: [batches, groups],
        variance: [batches, groups],
        gamma: [channels],
        group_sum: [batches, groups],
        group_dot: [batches, groups],
      }),
      ["variance"],
    )
      .slice(0, fixed ? 1 : undefined)
      .map((c) => ({
        ...c,
        name: fixed ? `${c.name}, fixed` : c.name,
        attributes: { ...c.attributes, fixed },
      })),
  ),
  reference: ({ x, d_y, mean, variance, gamma, group_sum, group_dot }, shapes, attributes) => {
    const { batches, pixels, channels, groups } = normGeometry(shapes.x, attributes);
    const d_x = like(x, x.length);
    const depth = channels / groups;
    const n = pixels * depth;
    for (let b = 0; b < batches; b++) {
      for (let c = 0; c < channels; c++) {
        const at = b * groups + Math.floor(c / depth);
        const r = 1 / Math.sqrt(variance[at] + attributes.epsilon);
        for (let p = 0, i = b * pixels * channels + c; p < pixels; p++, i += channels) {
          const xhat = (x[i] - mean[at]) * r;
          const shared = attributes.fixed ? 0 : (group_sum[at] + xhat * group_dot[at]) / n;
          d_x[i] = r * (gamma[c] * d_y[i] - shared);
        }
      }
    }
    return { d_x };
  },
});

function elementParams(
  x: Shape,
  attributes: NormAttributes,
): Record<"n" | "batch_size" | "channels" | "groups" | "group_depth" | "epsilon", number> {
  const { pixels, channels, groups } = normGeometry(x, attributes);
  return {
    n: size(x),
    batch_size: pixels * channels,
    channels,
    groups,
    group_depth: channels / groups,
    epsilon: attributes.epsilon,
  };
}

/** Throws unless each is [B, G]; for one batch they may be [G], as running statistics are. */
function checkStatistics(
  tensors: Readonly<Record<string, Shape>>,
  { batches, groups }: NormGeometry,
): void {
  for (const [name, shape] of Object.entries(tensors)) {
    const running = batches === 1 && shape.length === 1;
    expectShape({ [name]: shape }, running ? [groups] : [batches, groups]);
  }
}
