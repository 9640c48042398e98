// The probabilities of a binomial over the bins, averaged over a grid of tokens with a mask, and the
// gradient: no K-wide tensor of the size of the image is stored.
import { like, type NumberArray } from "../../tensor/array.ts";
import { formatShape, size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { inSubgroups } from "../../engine/subgroups.ts";
import { withGradient, type Problem } from "../../engine/problem.ts";
import { eachPixelOfCell, type MaskedPoolAttributes } from "../masked_pool.ts";
import { shaders } from "../shaders.gen.ts";
import { COLDEST, coldRowsOfBins, rowsOfBins } from "./binomial_decode.ts";
import { binomialLogit, ROW_NUMBERS } from "./binomial_row.ts";

interface Geometry {
  readonly views: number;
  readonly height: number;
  readonly width: number;
  readonly bins: number;
  readonly grid_h: number;
  readonly grid_w: number;
}

/** The geometry of rows [V, H, W, 5], log_choose [K, 2] and mask; throws if they do not fit. */
function geometry(
  rows: Shape,
  log_choose: Shape,
  mask: Shape,
  { grid: [grid_h, grid_w] }: MaskedPoolAttributes,
): Geometry {
  if (rows.length !== 4 || rows[3] !== ROW_NUMBERS) {
    throw new Error(`rows${formatShape(rows)} must be [V, H, W, ${ROW_NUMBERS}]`);
  }
  expectShape({ log_choose }, [log_choose[0] ?? 0, 2]);
  expectShape({ mask }, [...rows.slice(0, -1), 1]);
  if (!(grid_h > 0 && grid_w > 0)) throw new Error(`a grid of ${grid_h} x ${grid_w} tokens`);
  const [views, height, width] = rows as readonly [number, number, number];
  return { views, height, width, bins: log_choose[0], grid_h, grid_w };
}

type Input = "rows" | "log_choose" | "mask";
const cases: readonly Problem<Input, MaskedPoolAttributes>[] = (
  [
    ["sides that divide", [2, 12, 20], 64, [3, 5], 0.8],
    ["cells that overlap, a prime of bins", [2, 7, 11], 67, [3, 4], 0.6],
    ["one token of more pixels than a workgroup", [1, 5, 17], 9, [1, 1], 0.5],
    ["more tokens than pixels", [1, 2, 3], 16, [4, 5], 0.7],
    ["nothing let through", [1, 4, 6], 8, [2, 3], 0],
    ["one bin", [1, 3, 2], 1, [1, 2], 1],
    [COLDEST, [2, 6, 5], 64, [2, 2], 0.9],
  ] as const
).map(([name, pixels, bins, grid, share]) => ({
  name,
  shapes: { rows: [...pixels, ROW_NUMBERS], log_choose: [bins, 2], mask: [...pixels, 1] },
  attributes: { grid },
  data: {
    rows: name === COLDEST ? coldRowsOfBins(bins) : rowsOfBins(bins),
    log_choose: { kind: "log_choose" },
    mask: { kind: "mask", share },
  },
}));

/**
 * Mean of softmax(z) over each cell, weighted by mask; 0 where the weights sum to 0. rows
 * [V, H, W, 5] of `binomialPack`, log_choose [K, 2], mask [V, H, W, 1] -> tokens [V, h w, K],
 * weight [V, h w].
 */
export const binPool: Kernel<typeof shaders.bin_pool, MaskedPoolAttributes> = kernel({
  shader: shaders.bin_pool,
  axes: { rows: "V, H, W, 5", log_choose: "K, 2", mask: "V, H, W, 1" },
  shapes: ({ rows, log_choose, mask }, attributes) => {
    const { views, bins, grid_h, grid_w } = geometry(rows, log_choose, mask, attributes);
    return { tokens: [views, grid_h * grid_w, bins], weight: [views, grid_h * grid_w] };
  },
  params: ({ rows, log_choose, mask }, attributes) => {
    const { views, ...at } = geometry(rows, log_choose, mask, attributes);
    return { ...at, tokens: views * at.grid_h * at.grid_w };
  },
  grid: ({ tokens }) => foldGrid(tokens),
  // per pixel and bin: two exponentials (8) and logits (8); rows and mask once
  cost: ({ rows, log_choose, mask }) => ({
    flops: 32 * size(mask) * log_choose[0],
    bytes: 4 * (size(rows) + size(mask)),
  }),
  terms: ({ mask }, { grid: [h, w] }) => Math.ceil(mask[1] / h + 1) * Math.ceil(mask[2] / w + 1),
  magnitudes: forward,
  cases: withGradient(cases, ({ name, shapes: { mask, log_choose } }) =>
    name === COLDEST
      ? []
      : [
          {
            wrt: ["pi", "t"],
            shapes: { pi: mask, t: mask, centers: [1, 1, 1, log_choose[0]] },
            data: {
              pi: { kind: "uniform", low: 0.05, high: 0.95 },
              t: { kind: "uniform", low: 0.5, high: 5 },
            },
          },
        ],
  ),
  reference: forward,
  variants: () => [binPoolSubgroup, binPoolNarrow],
});

/** As `binPool`, with one subgroup per token: for software adapters. */
export const binPoolSubgroup: Kernel<typeof shaders.bin_pool_subgroup, MaskedPoolAttributes> =
  mapping(binPool, {
    shader: shaders.bin_pool_subgroup,
    grid: ({ tokens }) => foldGrid(tokens),
    runs: inSubgroups,
    suits: onSoftware,
  });

/** As `binPool`, with few invocations per barrier: for software adapters without subgroups. */
export const binPoolNarrow: Kernel<typeof shaders.bin_pool_narrow, MaskedPoolAttributes> = mapping(
  binPool,
  {
    shader: shaders.bin_pool_narrow,
    grid: ({ tokens }) => foldGrid(tokens),
    suits: onSoftware,
  },
);

type GradientInput = Input | "weight" | "d_tokens";

/**
 * d_pi and d_t of binPool through rows. rows [V, H, W, 5], log_choose [K, 2], mask [V, H, W, 1],
 * weight [V, h w], d_tokens [V, h w, K] -> d_pi, d_t [V, H, W, 1].
 */
export const binPoolGrad: Kernel<typeof shaders.bin_pool_grad, MaskedPoolAttributes> = kernel({
  shader: shaders.bin_pool_grad,
  axes: {
    rows: "V, H, W, 5",
    log_choose: "K, 2",
    mask: "V, H, W, 1",
    weight: "V, h w",
    d_tokens: "V, h w, K",
  },
  shapes: ({ rows, log_choose, mask, weight, d_tokens }, attributes) => {
    const { views, bins, grid_h, grid_w } = geometry(rows, log_choose, mask, attributes);
    expectShape({ weight }, [views, grid_h * grid_w]);
    expectShape({ d_tokens }, [views, grid_h * grid_w, bins]);
    return { d_pi: mask, d_t: mask };
  },
  params: ({ rows, log_choose, mask }, attributes) => {
    const { views: _, ...at } = geometry(rows, log_choose, mask, attributes);
    return { ...at, pixels: size(mask) };
  },
  grid: ({ pixels }, { WG }) => foldGrid(Math.ceil(pixels / WG)),
  // per pixel and bin: two exponentials (8) and logits (8), 12 quotients, sums and products
  cost: ({ rows, log_choose, mask, d_tokens }) => ({
    flops: 44 * size(mask) * log_choose[0],
    bytes: 4 * (size(rows) + 3 * size(mask) + size(d_tokens)),
  }),
  terms: ({ log_choose }) => log_choose[0],
  magnitudes: (inputs, shapes, attributes) => backward(inputs, shapes, attributes, Math.abs),
  cases: cases.map((problem) => {
    const { shapes, attributes, data } = problem;
    const { views, bins, grid_h, grid_w } = geometry(
      shapes.rows,
      shapes.log_choose,
      shapes.mask,
      attributes,
    );
    const tokens = grid_h * grid_w;
    return {
      ...problem,
      shapes: { ...shapes, weight: [views, tokens], d_tokens: [views, tokens, bins] },
      data: { ...data, weight: { kind: "uniform", low: -1, high: 9 } as const },
    };
  }),
  reference: (inputs, shapes, attributes) => backward(inputs, shapes, attributes, (v) => v),
});

/** p of a pixel and its logits below the peak. */
function probabilities(
  { rows, log_choose }: Readonly<Record<"rows" | "log_choose", NumberArray>>,
  row: number,
  bins: number,
): { p: number[]; z: number[] } {
  const z = Array.from({ length: bins }, (_, k) => binomialLogit(log_choose, rows, row, k));
  const sum = z.reduce((total, v) => total + Math.exp(v), 0);
  return { p: z.map((v) => Math.exp(v) / sum), z };
}

/** The pooled probabilities by their definition. */
function forward<T extends NumberArray>(
  inputs: Record<Input, T>,
  shapes: Readonly<Record<Input, Shape>>,
  attributes: MaskedPoolAttributes,
): { tokens: T; weight: T } {
  const at = geometry(shapes.rows, shapes.log_choose, shapes.mask, attributes);
  const cells = at.views * at.grid_h * at.grid_w;
  const [tokens, weight] = [like(inputs.mask, cells * at.bins), like(inputs.mask, cells)];
  eachPixelOfCell(at.views, { ...at, features: at.bins }, (token, pixel) => {
    weight[token] += inputs.mask[pixel];
    probabilities(inputs, pixel, at.bins).p.forEach((v, k) => {
      tokens[token * at.bins + k] += inputs.mask[pixel] * v;
    });
  });
  for (let i = 0; i < tokens.length; i++) {
    const total = weight[Math.floor(i / at.bins)];
    tokens[i] = total <= 0 ? 0 : tokens[i] / total;
  }
  return { tokens, weight };
}

/** The gradient as it is defined; with `sized` the sum of the sizes of its terms. */
function backward<T extends NumberArray>(
  inputs: Record<GradientInput, T>,
  shapes: Readonly<Record<GradientInput, Shape>>,
  attributes: MaskedPoolAttributes,
  sized: (v: number) => number,
): { d_pi: T; d_t: T } {
  const { rows, mask, weight, d_tokens } = inputs;
  const at = geometry(shapes.rows, shapes.log_choose, shapes.mask, attributes);
  const gathered = like(mask, mask.length * at.bins);
  eachPixelOfCell(at.views, { ...at, features: at.bins }, (token, pixel) => {
    if (weight[token] <= 0) return;
    for (let k = 0; k < at.bins; k++) {
      gathered[pixel * at.bins + k] += sized(d_tokens[token * at.bins + k] / weight[token]);
    }
  });
  const [d_pi, d_t] = [like(mask, mask.length), like(mask, mask.length)];
  for (let pixel = 0; pixel < mask.length; pixel++) {
    const { p, z } = probabilities(inputs, pixel, at.bins);
    const [, inverse_t, peak, by_pi] = rows.subarray(ROW_NUMBERS * pixel);
    const own = gathered.subarray(pixel * at.bins, (pixel + 1) * at.bins);
    const mean = p.reduce((sum, v, k) => sum + v * own[k], 0);
    p.forEach((v, k) => {
      const d_z = mask[pixel] * v * (own[k] + sized(-mean));
      d_pi[pixel] += sized(d_z * (k - peak) * inverse_t * by_pi);
      d_t[pixel] += sized(-d_z * z[k] * inverse_t);
    });
  }
  return { d_pi, d_t };
}
