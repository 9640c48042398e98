// Rows of bin logits that a fused decode is held against the unfused one on, and how far two
// results are apart.
import { draw } from "../../src/kernels/random_inputs.ts";

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

/** Largest |a - b|, and |a - b| / |b| of the norms. */
export function differences(
  a: Float32Array,
  b: Float32Array,
): { readonly largest: number; readonly of_norm: number } {
  let [largest, difference, norm] = [0, 0, 0];
  b.forEach((v, i) => {
    largest = Math.max(largest, Math.abs(a[i] - v));
    difference += (a[i] - v) ** 2;
    norm += v ** 2;
  });
  return { largest, of_norm: Math.sqrt(difference / norm) };
}
