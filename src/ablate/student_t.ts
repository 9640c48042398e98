// Quantiles of Student's t distribution, which small numbers of seeds need: at 4 degrees of freedom
// the 95 % interval is 1.4 times as wide as the normal distribution says.
import { InputError } from "../tensor/error.ts";

/**
 * The t with probability `covered` between -t and t, to the rounding of f64. Throws InputError
 * unless `freedom` is a whole number above 0 and `covered` lies between 0 and 1.
 */
export function studentT(freedom: number, covered = 0.95): number {
  if (!Number.isSafeInteger(freedom) || freedom < 1) {
    throw new InputError(`Student's t: ${freedom} degrees of freedom; expected 1 or more`);
  }
  if (!(covered > 0 && covered < 1)) {
    throw new InputError(`Student's t: probability ${covered}; expected between 0 and 1`);
  }
  // Bisects the angle, whose tangent reaches every t.
  let [low, high] = [0, Math.PI / 2];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return Math.sqrt(freedom) * Math.tan(middle);
    if (coveredUpTo(middle, freedom) < covered) low = middle;
    else high = middle;
  }
}

/**
 * Probability between -t and t for `t = tan(angle) √freedom`: a finite sum for whole degrees of
 * freedom (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).
 */
function coveredUpTo(angle: number, freedom: number): number {
  const isOdd = freedom % 2 === 1;
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  let term = isOdd ? cosine : 1;
  let sum = 0;
  for (let power = isOdd ? 1 : 0; power <= freedom - 2; power += 2) {
    sum += term;
    term *= (cosine * cosine * (power + 1)) / (power + 2);
  }
  return isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
}
