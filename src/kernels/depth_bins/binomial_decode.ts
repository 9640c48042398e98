// Depth from the probability and temperature of a binomial over the bins (level 1, fused): no logit
// and no probability is stored. Its gradients are those of bin_distill without a teacher.
import {
  withGradient,
  type GradientCheck,
  type Problem,
  type Distribution,
} from "../../engine/problem.ts";
import { like } from "../../tensor/array.ts";
import { formatShape, sameShape, size, type Shape } from "../../tensor/shape.ts";
import { BIN_SHAPES, binGeometry, CENTERS, type BinGeometry } from "./bin_expectation.ts";
import { binomialLogit, ROW_NUMBERS } from "./binomial_row.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { shaders } from "../shaders.gen.ts";

/** Pairs rows [V, H, W, 5] and log_choose [K, 2] with centres; throws if they do not fit. */
export function binomialGeometry(rows: Shape, log_choose: Shape, centers: Shape): BinGeometry {
  if (rows.length !== 4 || rows[3] !== ROW_NUMBERS) {
    throw new Error(`rows${formatShape(rows)} must be [V, H, W, ${ROW_NUMBERS}]`);
  }
  if (log_choose.length !== 2 || log_choose[0] < 1 || log_choose[1] !== 2) {
    throw new Error(`log_choose${formatShape(log_choose)} must be [K, 2], K of 1 or more`);
  }
  return binGeometry([...rows.slice(0, -1), log_choose[0]], centers, [0]);
}

/** Pixels that `binomial_pack` could have made, with pi and t in the range of training. */
export function rowsOfBins(bins: number): Distribution {
  return { kind: "binomial_rows", bins, pi: [0.001, 0.999], t: [0.5, 50] };
}

/** Pixels at the lowest temperature: logits down to -27,000. */
export function coldRowsOfBins(bins: number): Distribution {
  return { kind: "binomial_rows", bins, pi: [-0.1, 1.1], t: [0.0212, 0.0212] };
}

/** The problem of `coldRowsOfBins`. */
export const COLDEST = "the coldest temperature";

/** The check of a gradient with respect to the probability and temperature that make the rows. */
export function binomialGradient(
  rows: Shape,
): GradientCheck & { readonly shapes: Record<string, Shape> } {
  const pi = [...rows.slice(0, -1), 1];
  return {
    wrt: ["pi", "t", "centers"],
    shapes: { pi, t: pi, scale: rows.slice(0, 1) },
    data: {
      pi: { kind: "uniform", low: 0.1, high: 0.9 },
      t: { kind: "uniform", low: 0.5, high: 9 },
    },
  };
}

const pixels = (bins: Shape, each: number): Shape => [...bins.slice(0, -1), each];
const caseOf = (
  name: string,
  bins: Shape,
  centers: Shape,
  rows: Distribution,
): Problem<"rows" | "log_choose" | "centers", void> => ({
  name,
  shapes: { rows: pixels(bins, ROW_NUMBERS), log_choose: [bins[3], 2], centers },
  attributes: undefined,
  data: { rows, log_choose: { kind: "log_choose" }, centers: CENTERS },
});

/**
 * depth = scale sum_k softmax(z)_k c_k, z_k = (ln C(K - 1, k) + k slope) / t. rows [V, H, W, 5] of
 * `binomialPack`, log_choose [K, 2], centers [V, H, W, K] | [V, 1, 1, K] | [1, 1, 1, K] -> depth
 * [V, H, W, 1], statistics [V, H, W, 4] = (0, 1 / sum of exponentials below the peak, 0, 0).
 */
export const binomialDecode: Kernel<typeof shaders.binomial_decode> = kernel({
  shader: shaders.binomial_decode,
  axes: {
    rows: "V, H, W, 5",
    log_choose: "K, 2",
    centers: ["V, H, W, K", "V, 1, 1, K", "1, 1, 1, K"],
  },
  shapes: ({ rows, log_choose, centers }) => {
    binomialGeometry(rows, log_choose, centers);
    return { depth: pixels(rows, 1), statistics: pixels(rows, 4) };
  },
  params: ({ rows, log_choose, centers }) => {
    const at = binomialGeometry(rows, log_choose, centers);
    return { rows: at.rows, bins: at.bins, pixels_per_center: at.pixels_per_center };
  },
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: an exponential (8), 8 for its logit, two multiply-adds; rows and centres once
  cost: ({ rows, log_choose, centers }) => ({
    flops: (20 * size(rows) * log_choose[0]) / ROW_NUMBERS,
    bytes: 4 * (2 * size(rows) + size(centers) + size(log_choose)),
  }),
  variants: () => [binomialDecodeRows],
  cases: withGradient(
    [
      ...BIN_SHAPES.map(([name, bins, centers]) =>
        caseOf(name, bins, centers, rowsOfBins(bins[3])),
      ),
      caseOf(COLDEST, [3, 11, 7, 64], [3, 1, 1, 64], coldRowsOfBins(64)),
    ],
    ({ name, shapes: { rows } }) => (name === COLDEST ? [] : [binomialGradient(rows)]),
  ),
  reference: ({ rows, log_choose, centers }, shapes) => {
    const at = binomialGeometry(shapes.rows, shapes.log_choose, shapes.centers);
    const [depth, statistics] = [like(rows, at.rows), like(rows, 4 * at.rows)];
    for (let row = 0; row < at.rows; row++) {
      const centerStart = Math.floor(row / at.pixels_per_center) * at.bins;
      let [sum, weighted] = [0, 0];
      for (let k = 0; k < at.bins; k++) {
        const e = Math.exp(binomialLogit(log_choose, rows, row, k));
        sum += e;
        weighted += e * centers[centerStart + k];
      }
      depth[row] = (rows[ROW_NUMBERS * row + 4] * weighted) / sum;
      statistics[4 * row + 1] = 1 / sum;
    }
    return { depth, statistics };
  },
});

/** The same with one invocation per pixel, for software adapters. */
export const binomialDecodeRows: Kernel<typeof shaders.binomial_decode_rows> = mapping(
  binomialDecode,
  {
    shader: shaders.binomial_decode_rows,
    grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
    suits: onSoftware,
  },
);

/** Throws unless a tensor has the pixels of `rows` and `each` numbers per pixel. */
export function checkPixels(name: string, shape: Shape, rows: Shape, each: number): void {
  const expected = pixels(rows, each);
  if (!sameShape(shape, expected)) {
    throw new Error(`${name}${formatShape(shape)} must be ${formatShape(expected)}`);
  }
}
