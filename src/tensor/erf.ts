// The error function in f64, for references: JavaScript has none.

/**
 * erf(v) within 1e-14: Maclaurin series near zero, otherwise the continued fraction of erfc,
 * evaluated from its tail.
 */
export function erf(v: number): number {
  const z = Math.abs(v);
  let value: number;
  if (z < 2.5) {
    let [term, sum] = [z, z];
    for (let n = 1; n < 80; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    value = (2 / Math.sqrt(Math.PI)) * sum;
  } else {
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
    value = 1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * (z + fraction));
  }
  return v >= 0 ? value : -value;
}
