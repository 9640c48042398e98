// Normalisation of rows (tokens) with statistics of their own, and its gradients. The norms over
// pixels are in norm.ts: rows need no slices, so one dispatch does what they do in three.
import { withGradient, type Problem } from "../engine/problem.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { mapping, onSoftware } from "../engine/mapping.ts";
import { heldFours, holdsRow } from "../engine/subgroups.ts";
import type { AdapterFacts } from "../gpu/device.ts";
import { shaders } from "./shaders.gen.ts";

/** The number added to each variance. */
export interface LayerNormAttributes {
  readonly epsilon: number;
}

interface Rows {
  readonly rows: number;
  readonly channels: number;
}

function rowsOf(x: Shape): Rows {
  return { rows: size(x.slice(0, -1)), channels: x.at(-1) ?? 0 };
}

// Few enough slices that one invocation adds them up, long enough to be worth their stores.
const MOST_SLABS = 256;
const MIN_SLAB_ROWS = 32;

/**
 * Slices of rows whose gradients of scale and shift are summed apart, by the shape alone so that
 * the order of the sums is fixed.
 */
export function layerNormSlabs(x: Shape): { readonly slab: number; readonly slabs: number } {
  const { rows } = rowsOf(x);
  const slab = Math.max(MIN_SLAB_ROWS, Math.ceil(rows / MOST_SLABS));
  return { slab, slabs: Math.max(1, Math.ceil(rows / slab)) };
}

const problems: readonly [name: string, x: Shape][] = [
  ["rows of three axes, primes", [5, 37, 67]],
  ["a workgroup and one, a channel more than lanes", [9, 9]],
  ["one", [1, 1]],
  ["one channel", [33, 1]],
  ["a row", [131]],
  ["no rows", [0, 16]],
  ["tokens", [6, 15, 128]],
  ["rows of fours, the last lanes idle", [35, 20]],
  ["rows of fours, several vectors per lane", [17, 76]],
  ["more than a subgroup holds", [2, 1028]],
];
const cases: Problem<"x" | "gamma" | "beta", LayerNormAttributes>[] = problems.map(([name, x]) => ({
  name,
  shapes: { x, gamma: x.slice(-1), beta: x.slice(-1) },
  attributes: { epsilon: 1e-5 },
}));
const inFours = (x: Shape): boolean => rowsOf(x).channels > 0 && rowsOf(x).channels % 4 === 0;
const rowFours = ({ x }: { readonly x: Shape }): { readonly FOURS: number } =>
  heldFours(rowsOf(x).channels);
const heldRows = (facts: AdapterFacts, { x }: { readonly x: Shape }): boolean =>
  holdsRow(facts, rowsOf(x).channels);
const VARIANCE = { variance: { kind: "uniform", low: 0.2, high: 3 } } as const;

/**
 * y = (x - mean) / sqrt(variance + epsilon) gamma + beta per row, variance biased. x [.., C],
 * gamma, beta [C] -> y of x's shape, mean, variance [rows].
 */
export const layerNormRows: Kernel<typeof shaders.layer_norm, LayerNormAttributes> = kernel({
  shader: shaders.layer_norm,
  axes: { x: "..., C", gamma: "C", beta: "C" },
  shapes: ({ x, gamma, beta }) => {
    const { rows, channels } = rowsOf(x);
    expectShape({ gamma, beta }, [channels]);
    return { y: x, mean: [rows], variance: [rows] };
  },
  params: ({ x }, { epsilon }) => ({ ...rowsOf(x), epsilon }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  variants: () => [layerNormSubgroup],
  // per element: a sum, a squared deviation and a multiply-add of the deviation
  cost: ({ x }) => ({ flops: 8 * size(x), bytes: 8 * size(x) }),
  cases: withGradient(cases, { wrt: ["x", "gamma", "beta"] }),
  reference: ({ x, gamma, beta }, shapes, { epsilon }) => {
    const { rows, channels } = rowsOf(shapes.x);
    const [y, mean, variance] = [like(x, x.length), like(x, rows), like(x, rows)];
    for (let row = 0; row < rows; row++) {
      const start = row * channels;
      let [sum, squares] = [0, 0];
      for (let c = 0; c < channels; c++) sum += x[start + c];
      mean[row] = sum / channels;
      for (let c = 0; c < channels; c++) squares += (x[start + c] - mean[row]) ** 2;
      variance[row] = squares / channels;
      const r = 1 / Math.sqrt(variance[row] + epsilon);
      for (let c = 0; c < channels; c++) {
        y[start + c] = (x[start + c] - mean[row]) * r * gamma[c] + beta[c];
      }
    }
    return { y, mean, variance };
  },
});

/** The same with a row in the registers of a subgroup, no barrier: for software adapters. */
export const layerNormSubgroup: Kernel<typeof shaders.layer_norm_subgroup, LayerNormAttributes> =
  mapping(layerNormRows, {
    shader: shaders.layer_norm_subgroup,
    grid: ({ rows }, { ROWS }) => foldGrid(Math.ceil(rows / ROWS)),
    overrides: rowFours,
    runs: heldRows,
    suits: onSoftware,
  });

/**
 * d_x = r (gamma d_y - (sum gamma d_y + xhat sum gamma d_y xhat) / C) per row. x, d_y [.., C],
 * mean, variance [rows], gamma [C] -> d_x of x's shape.
 */
export const layerNormGradInput: Kernel<typeof shaders.layer_norm_grad_input, LayerNormAttributes> =
  kernel({
    shader: shaders.layer_norm_grad_input,
    axes: { x: "R, C", d_y: "R, C", mean: "R", variance: "R", gamma: "C" },
    shapes: ({ x, d_y, mean, variance, gamma }) => {
      const { rows, channels } = rowsOf(x);
      expectShape({ d_y }, x, "x");
      expectShape({ mean, variance }, [rows]);
      expectShape({ gamma }, [channels]);
      return { d_x: x };
    },
    params: ({ x }, { epsilon }) => ({ ...rowsOf(x), epsilon }),
    grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
    variants: () => [layerNormGradInputSubgroup],
    cost: ({ x }) => ({ flops: 12 * size(x), bytes: 12 * size(x) }),
    cases: cases.map(({ name, shapes: { x, gamma }, attributes }) => {
      const statistic = [rowsOf(x).rows];
      const shapes = { x, d_y: x, mean: statistic, variance: statistic, gamma };
      return { name, shapes, attributes, data: VARIANCE };
    }),
    reference: ({ x, d_y, mean, variance, gamma }, shapes, { epsilon }) => {
      const { rows, channels } = rowsOf(shapes.x);
      const d_x = like(x, x.length);
      for (let row = 0; row < rows; row++) {
        const start = row * channels;
        const r = 1 / Math.sqrt(variance[row] + epsilon);
        let [sum, dot] = [0, 0];
        for (let c = 0; c < channels; c++) {
          const g = gamma[c] * d_y[start + c];
          sum += g;
          dot += g * (x[start + c] - mean[row]) * r;
        }
        for (let c = 0; c < channels; c++) {
          const xhat = (x[start + c] - mean[row]) * r;
          d_x[start + c] = r * (gamma[c] * d_y[start + c] - (sum + xhat * dot) / channels);
        }
      }
      return { d_x };
    },
  });

/** The same with a row in the registers of a subgroup, no barrier: for software adapters. */
export const layerNormGradInputSubgroup: Kernel<
  typeof shaders.layer_norm_grad_input_subgroup,
  LayerNormAttributes
> = mapping(layerNormGradInput, {
  shader: shaders.layer_norm_grad_input_subgroup,
  grid: ({ rows }, { ROWS }) => foldGrid(Math.ceil(rows / ROWS)),
  overrides: rowFours,
  runs: heldRows,
  suits: onSoftware,
});

/**
 * d_gamma and d_beta in slices of rows: sums of d_y xhat and of d_y. x, d_y [.., C], mean, variance
 * [rows] -> slab_sum, slab_dot [1, S, C].
 */
export const layerNormGradPartial: Kernel<
  typeof shaders.layer_norm_grad_partial,
  LayerNormAttributes
> = kernel({
  shader: shaders.layer_norm_grad_partial,
  axes: { x: "R, C", d_y: "R, C", mean: "R", variance: "R" },
  shapes: ({ x, d_y, mean, variance }) => {
    const { rows, channels } = rowsOf(x);
    expectShape({ d_y }, x, "x");
    expectShape({ mean, variance }, [rows]);
    const slabs = [1, layerNormSlabs(x).slabs, channels];
    return { slab_sum: slabs, slab_dot: slabs };
  },
  params: ({ x }, { epsilon }) => ({ ...rowsOf(x), ...layerNormSlabs(x), epsilon }),
  grid: ({ channels, slabs }, { WG }) =>
    foldGrid(Math.ceil((slabs * Math.ceil(channels / 4)) / WG)),
  variants: () => [layerNormGradPartialVec4],
  cost: ({ x }) => ({ flops: 5 * size(x), bytes: 8 * size(x) }),
  terms: ({ x }) => layerNormSlabs(x).slab,
  magnitudes: (inputs, shapes, { epsilon }) => columnSumFour(inputs, shapes.x, epsilon, Math.abs),
  cases: cases.map(({ name, shapes: { x }, attributes }) => {
    const statistic = [rowsOf(x).rows];
    const shapes = { x, d_y: x, mean: statistic, variance: statistic };
    return { name, shapes, attributes, data: VARIANCE };
  }),
  reference: (inputs, shapes, { epsilon }) =>
    columnSumFour(inputs, shapes.x, epsilon, (value) => value),
});

/** The same with loads of four numbers, where the channels are whole vectors. */
export const layerNormGradPartialVec4: Kernel<
  typeof shaders.layer_norm_grad_partial_vec4,
  LayerNormAttributes
> = mapping(layerNormGradPartial, {
  shader: shaders.layer_norm_grad_partial_vec4,
  grid: ({ channels, slabs }, { WG, FOURS }) =>
    foldGrid(Math.ceil((slabs * Math.ceil(channels / 4 / FOURS)) / WG)),
  runs: (_, { x }) => inFours(x),
  suits: onSoftware,
});

/** The sums of slices, of the terms themselves or of their magnitudes. */
function columnSumFour<T extends NumberArray>(
  { x, d_y, mean, variance }: Readonly<Record<"x" | "d_y" | "mean" | "variance", T>>,
  shape: Shape,
  epsilon: number,
  of: (value: number) => number,
): { slab_sum: T; slab_dot: T } {
  const { rows, channels } = rowsOf(shape);
  const { slab, slabs } = layerNormSlabs(shape);
  const [slab_sum, slab_dot] = [like(x, slabs * channels), like(x, slabs * channels)];
  for (let row = 0; row < rows; row++) {
    const r = 1 / Math.sqrt(variance[row] + epsilon);
    for (let c = 0; c < channels; c++) {
      const at = Math.floor(row / slab) * channels + c;
      const i = row * channels + c;
      slab_sum[at] += of(d_y[i]);
      slab_dot[at] += of(d_y[i] * (x[i] - mean[row]) * r);
    }
  }
  return { slab_sum, slab_dot };
}
