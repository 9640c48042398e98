// Distances between two lists of numbers.

/** Largest |got - want| / |want|; two zeros agree, a NaN on either side is Infinity. */
export function worstRelative(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const error = quotient(Math.abs(got[i] - want[i]), Math.abs(want[i]));
    if (error > worst) worst = error;
  }
  return worst;
}

/**
 * |got - want| / max(|want|, floor), Euclidean norms; two zeros agree, a NaN on either side is
 * Infinity.
 */
export function relativeNorm(got: ArrayLike<number>, want: ArrayLike<number>, floor = 0): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    difference += (got[i] - want[i]) ** 2;
    norm += want[i] ** 2;
  }
  return quotient(Math.sqrt(difference), Math.max(Math.sqrt(norm), floor));
}

/** error / scale; 0 if there is no error, whatever the scale. */
function quotient(error: number, scale: number): number {
  if (error === 0) return 0;
  const relative = error / scale;
  return Number.isNaN(relative) ? Infinity : relative;
}
