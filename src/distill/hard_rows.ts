// Rows of bins on which a fused decode is most likely to differ from the unfused one.
import type { Distribution } from "../engine/problem.ts";
import { TEMPERATURE } from "../bins/metric_bins.ts";
import { draw } from "../kernels/check/random_inputs.ts";

/** Rows of logits: a third random over ±80, a third one-hot, a third constant. -> [rows, bins]. */
export function hardLogits(rows: number, bins: number): Float32Array {
  const logits = draw([rows, bins], { kind: "uniform", low: -80, high: 80 }, 1);
  for (let row = 0; row < rows; row++) {
    const start = row * bins;
    if (row % 3 === 1) logits.fill(-80, start, start + bins)[start + (row % bins)] = 80;
    if (row % 3 === 2) logits.fill(row % 2 === 0 ? 80 : -80, start, start + bins);
  }
  return logits;
}

/** Temperatures of log-binomial rows: all at the head's minimum, or over its whole range. */
export const HARD_TEMPERATURES: readonly (readonly [name: string, Distribution])[] = [
  ["the coldest", { kind: "constant", value: TEMPERATURE.t_min }],
  ["all", { kind: "uniform", low: TEMPERATURE.t_min, high: TEMPERATURE.t_max }],
];
