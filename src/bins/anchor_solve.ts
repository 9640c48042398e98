// Small symmetric positive definite systems in f64.
import { doubles } from "./doubles.ts";

/**
 * Solves A x = b by Cholesky's decomposition. A is symmetric and positive definite, with zeros farther
 * than `band` columns from its diagonal. lower [n, band + 1] holds its lower band: entry (row, column)
 * is in column band - row + column of the array's row, whose last column is the diagonal. It is
 * overwritten with the decomposition. right [n] -> x [n].
 */
export function solvePositive(lower: number[], right: readonly number[], band: number): number[] {
  const n = right.length;
  const x = right.slice();
  const below = doubles(n, () => 0);
  for (let k = 0; k < n; k++) {
    const end = Math.min(n, k + band + 1);
    const pivot = Math.sqrt(lower[k * band + band + k]);
    lower[k * band + band + k] = pivot;
    x[k] /= pivot;
    // The column leaves the rows below it, so that no term waits for the one before.
    for (let row = k + 1; row < end; row++) {
      const start = row * band + band;
      const factor = lower[start + k] / pivot;
      lower[start + k] = factor;
      below[row] = factor;
      x[row] -= factor * x[k];
      for (let column = k + 1; column <= row; column++)
        lower[start + column] -= factor * below[column];
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    const end = Math.min(n, row + band + 1);
    for (let k = row + 1; k < end; k++) x[row] -= lower[k * band + band + row] * x[k];
    x[row] /= lower[row * band + band + row];
  }
  return x;
}
