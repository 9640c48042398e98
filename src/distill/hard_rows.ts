// Rows of bins on which a fused decode may part from the unfused one.
import { TEMPERATURE } from "../bins/metric_bins.ts";
import type { Distribution } from "../engine/kernel.ts";
import { draw } from "../kernels/check/random_inputs.ts";

/** A third of the rows random over ±80, a third one-hot, a third constant. -> [rows, bins]. */
export function hardLogits(rows: number, bins: number): Float32Array {
  const logits = draw([rows, bins], { kind: "uniform", low: -80, high: 80 }, 1);
  for (let row = 0; row < rows; row++) {
    const start = row * bins;
    if (row % 3 === 1) logits.fill(-80, start, start + bins)[start + (row % bins)] = 80;
    if (row % 3 === 2) logits.fill(row % 2 === 0 ? 80 : -80, start, start + bins);
  }
  return logits;
}

/** Temperatures of log-binomial rows: all at the least of the head, or over its whole range. */
export const HARD_TEMPERATURES: readonly (readonly [name: string, Distribution])[] = [
  ["the coldest", { kind: "constant", value: TEMPERATURE.t_min }],
  ["all", { kind: "uniform", low: TEMPERATURE.t_min, high: TEMPERATURE.t_max }],
];
