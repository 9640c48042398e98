// Probabilities of the depth bins at each pixel (softmax along the last axis) and their gradient.
import { withGradient, type Problem } from "../../engine/problem.ts";
import { like } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { heldFours, holdsRow } from "../../engine/subgroups.ts";
import { shaders } from "../shaders.gen.ts";

/** Logits are divided by `temperature` (> 0) before the softmax. */
export interface SoftmaxBinsAttributes {
  readonly temperature: number;
}

/** Pixels and bins of a tensor whose last axis holds bins. */
export function rowsOf(shape: Shape): { rows: number; bins: number } {
  const bins = shape.at(-1) ?? 0;
  return { rows: bins === 0 ? 0 : size(shape) / bins, bins };
}

/**
 * Shapes at the boundaries of the per-pixel kernels: bin counts around the lanes of a pixel, pixel
 * counts around a workgroup.
 */
export const ROW_SHAPES: readonly (readonly [string, Shape])[] = [
  ["the student's bins", [2, 3, 7, 64]],
  ["no pixel", [2, 0, 3, 16]],
  ["one bin", [1, 3, 1]],
  ["a bin less than lanes", [33, 7]],
  ["as many bins as lanes", [32, 8]],
  ["a bin more than lanes", [31, 9]],
  ["a prime of bins", [1, 1, 2, 257]],
  ["the most bins", [3, 1024]],
  ["many rows", [131, 4]],
];
const cases: Problem<"logits", SoftmaxBinsAttributes>[] = [
  ...ROW_SHAPES.map(([name, logits]) => ({
    name,
    shapes: { logits },
    attributes: { temperature: 1 },
  })),
  {
    name: "logits of ±80 and a temperature",
    shapes: { logits: [65, 64] },
    attributes: { temperature: 2 },
    data: { logits: { kind: "uniform", low: -80, high: 80 } },
  },
];

/**
 * p_k = exp(z_k) / sum_j exp(z_j), z = logits / temperature. logits [..., K] -> probabilities of
 * the same shape.
 */
export const softmaxBins: Kernel<typeof shaders.softmax_bins, SoftmaxBinsAttributes> = kernel({
  shader: shaders.softmax_bins,
  axes: { logits: "..., K" },
  shapes: ({ logits }, { temperature }) => {
    checkTemperature(temperature);
    return { probabilities: logits };
  },
  params: ({ logits }, { temperature }) => ({
    ...rowsOf(logits),
    inverse_temperature: 1 / temperature,
  }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: twice a product, a difference and an exponential (8), then sum, select and scale; read
  // and written once
  cost: ({ logits }) => ({ flops: 24 * size(logits), bytes: 8 * size(logits) }),
  variants: () => [softmaxBinsSubgroup, softmaxBinsRows],
  cases: withGradient(cases, { wrt: ["logits"] }),
  reference: ({ logits }, shapes, { temperature }) => {
    const { rows, bins } = rowsOf(shapes.logits);
    const probabilities = like(logits, logits.length);
    for (let start = 0; start < rows * bins; start += bins) {
      let max = -Infinity;
      for (let k = 0; k < bins; k++) max = Math.max(max, logits[start + k] / temperature);
      let sum = 0;
      for (let k = 0; k < bins; k++) {
        const e = Math.exp(logits[start + k] / temperature - max);
        probabilities[start + k] = e;
        sum += e;
      }
      for (let k = 0; k < bins; k++) probabilities[start + k] /= sum;
    }
    return { probabilities };
  },
});

/** The same with a pixel's bins in the registers of a subgroup, for software adapters. */
export const softmaxBinsSubgroup: Kernel<
  typeof shaders.softmax_bins_subgroup,
  SoftmaxBinsAttributes
> = mapping(softmaxBins, {
  shader: shaders.softmax_bins_subgroup,
  grid: ({ rows }, { ROWS }) => foldGrid(Math.ceil(rows / ROWS)),
  overrides: ({ logits }) => heldFours(logits.at(-1)!),
  runs: (facts, { logits }) => holdsRow(facts, logits.at(-1)!),
  suits: onSoftware,
});

/** The same with one invocation per pixel, for other software adapters. */
export const softmaxBinsRows: Kernel<typeof shaders.softmax_bins_rows, SoftmaxBinsAttributes> =
  mapping(softmaxBins, {
    shader: shaders.softmax_bins_rows,
    grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
    suits: onSoftware,
  });

/**
 * d_logits = p (d_p - sum p d_p) / temperature. probabilities, d_probabilities [..., K] ->
 * d_logits.
 */
export const softmaxBinsGrad: Kernel<typeof shaders.softmax_bins_grad, SoftmaxBinsAttributes> =
  kernel({
    shader: shaders.softmax_bins_grad,
    axes: { probabilities: "..., K", d_probabilities: "..., K" },
    shapes: ({ probabilities, d_probabilities }) => {
      expectShape({ d_probabilities }, probabilities, "probabilities");
      return { d_logits: probabilities };
    },
    params: ({ probabilities }, { temperature }) => ({
      ...rowsOf(probabilities),
      inverse_temperature: 1 / temperature,
    }),
    grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
    // per bin: a multiply-add, a difference and two products; two reads and a write
    cost: ({ probabilities: p }) => ({ flops: 5 * size(p), bytes: 12 * size(p) }),
    variants: () => [softmaxBinsGradRows],
    cases: cases.map(({ name, shapes, attributes }) => ({
      name,
      shapes: { probabilities: shapes.logits, d_probabilities: shapes.logits },
      attributes,
      data: { probabilities: { kind: "probabilities" } },
    })),
    reference: ({ probabilities, d_probabilities }, shapes, { temperature }) => {
      const { rows, bins } = rowsOf(shapes.probabilities);
      const d_logits = like(probabilities, probabilities.length);
      for (let start = 0; start < rows * bins; start += bins) {
        let dot = 0;
        for (let i = start; i < start + bins; i++) dot += probabilities[i] * d_probabilities[i];
        for (let i = start; i < start + bins; i++) {
          d_logits[i] = (probabilities[i] * (d_probabilities[i] - dot)) / temperature;
        }
      }
      return { d_logits };
    },
  });

/** The same with one invocation per pixel. */
export const softmaxBinsGradRows: Kernel<
  typeof shaders.softmax_bins_grad_rows,
  SoftmaxBinsAttributes
> = mapping(softmaxBinsGrad, {
  shader: shaders.softmax_bins_grad_rows,
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  suits: onSoftware,
});

/** Throws unless a temperature is a positive number. */
export function checkTemperature(temperature: number): void {
  if (!(temperature > 0)) throw new Error(`temperature is ${temperature}, expected above 0`);
}
