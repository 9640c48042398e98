// Distances in units of the last place of f32.

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The position of an f32 number among all f32 numbers in ascending order; both zeros are 0. */
function rank(x: number): number {
  float[0] = x;
  const b = bits[0];
  return b >= 0 ? b : -(b & 0x7fff_ffff);
}

/** Steps in f32 from a to b: 0 for equal numbers, 1 for neighbours. Both are rounded to f32 first. */
export function ulpDistance(a: number, b: number): number {
  return Math.abs(rank(a) - rank(b));
}
