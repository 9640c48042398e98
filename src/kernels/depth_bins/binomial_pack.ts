// Per-pixel numbers that the fused kernels of the log-binomial head need, computed once.
import { like } from "../../tensor/array.ts";
import { formatShape, sameShape, size } from "../../tensor/shape.ts";
import { checkScale } from "./bin_expectation.ts";
import { binomialRow, ROW_NUMBERS } from "./binomial_row.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { shaders } from "../shaders.gen.ts";

/**
 * rows = (ln p - ln q, 1 / t, bin of the highest logit, 1 / pi + 1 / (1 - pi), scale), p and q = pi
 * and 1 - pi clamped to [1e-4, 1], a term of the fourth 0 where clamped. pi, t [V, H, W, 1],
 * log_choose [K, 2] of `logChoose`, scale [V] or [0] -> rows [V, H, W, 5].
 */
export const binomialPack: Kernel<typeof shaders.binomial_pack> = kernel({
  shader: shaders.binomial_pack,
  axes: { pi: "V, H, W, 1", t: "V, H, W, 1", log_choose: "K, 2", scale: "V" },
  shapes: ({ pi, t, log_choose, scale }) => {
    if (pi.length !== 4 || pi[3] !== 1 || !sameShape(pi, t)) {
      throw new Error(`pi${formatShape(pi)} and t${formatShape(t)} must both be [V, H, W, 1]`);
    }
    if (log_choose.length !== 2 || log_choose[0] < 1 || log_choose[1] !== 2) {
      throw new Error(`log_choose${formatShape(log_choose)} must be [K, 2], K of 1 or more`);
    }
    checkScale(scale, pi[0]);
    return { rows: [...pi.slice(0, -1), ROW_NUMBERS] };
  },
  params: ({ pi, log_choose }) => ({
    rows: size(pi),
    bins: log_choose[0],
    plane: pi[1] * pi[2],
  }),
  overrides: ({ scale }) => ({ HAS_SCALE: scale[0] !== 0 }),
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  // per pixel: a logarithm and its series (22), five quotients, 20 sums and products
  cost: ({ pi }) => ({ flops: 47 * size(pi), bytes: 28 * size(pi) }),
  cases: (
    [
      ["the student's bins", [2, 5, 7, 1], 64, [2], [0.001, 0.999]],
      ["no scale", [1, 9, 7, 1], 128, [0], [0.001, 0.999]],
      ["clamped and not", [3, 11, 2, 1], 16, [3], [-0.1, 1.1]],
      ["no pixel", [1, 0, 3, 1], 16, [1], [0, 1]],
      ["one bin", [1, 3, 1, 1], 1, [0], [0.1, 0.9]],
      ["a prime of bins", [1, 13, 5, 1], 257, [0], [0.1, 0.9]],
    ] as const
  ).map(([name, pi, bins, scale, [low, high]]) => ({
    name,
    shapes: { pi, t: pi, log_choose: [bins, 2], scale },
    attributes: undefined,
    data: {
      pi: { kind: "uniform", low, high } as const,
      t: { kind: "uniform", low: 0.0212, high: 50 } as const,
      log_choose: { kind: "log_choose" } as const,
      scale: { kind: "uniform", low: 0.5, high: 1.5 } as const,
    },
  })),
  reference: ({ pi, t, log_choose, scale }, shapes) => {
    const rows = like(pi, ROW_NUMBERS * pi.length);
    const plane = shapes.pi[1] * shapes.pi[2];
    for (let row = 0; row < pi.length; row++) {
      rows.set(binomialRow(pi[row], t[row], log_choose), ROW_NUMBERS * row);
      rows[ROW_NUMBERS * row + 4] = scale[Math.floor(row / plane)] ?? 1;
    }
    return { rows };
  },
});
