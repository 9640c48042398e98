// Small symmetric positive definite systems in f64.

/**
 * Solves A x = b by Cholesky's decomposition. matrix [n, n] symmetric positive definite, with zeros
 * farther than `band` columns from its diagonal (default: none); its lower triangle is overwritten
 * with the decomposition. right [n] -> x [n].
 */
export function solvePositive(
  matrix: Float64Array,
  right: Float64Array,
  band: number = right.length,
): Float64Array {
  const n = right.length;
  const x = right.slice();
  for (let row = 0; row < n; row++) {
    const first = Math.max(0, row - band);
    for (let column = first; column <= row; column++) {
      let sum = matrix[row * n + column];
      for (let k = first; k < column; k++) sum -= matrix[row * n + k] * matrix[column * n + k];
      matrix[row * n + column] =
        row === column ? Math.sqrt(sum) : sum / matrix[column * n + column];
    }
    for (let k = first; k < row; k++) x[row] -= matrix[row * n + k] * x[k];
    x[row] /= matrix[row * n + row];
  }
  for (let row = n - 1; row >= 0; row--) {
    const end = Math.min(n, row + band + 1);
    for (let k = row + 1; k < end; k++) x[row] -= matrix[k * n + row] * x[k];
    x[row] /= matrix[row * n + row];
  }
  return x;
}
