// The points at which a Winograd convolution F(4x4, 3x3) multiplies polynomials, and the matrices of
// its transforms (Lavin and Gray 2016). The shaders have the same numbers in fewer operations.

/** Rows of coefficients. */
export type Matrix = readonly (readonly number[])[];

/** Rows and columns of a tile of outputs. */
export const TILE = 4;
/** Rows and columns of a patch of the image, and points along each. */
export const PATCH = 6;
/** Products per pair of channels and tile. */
export const POINTS: number = PATCH * PATCH;

/** Rows and columns of tiles of a feature map [OH, OW]. */
export function tilesOf([height, width]: readonly [number, number]): [h: number, w: number] {
  return [Math.ceil(height / TILE), Math.ceil(width / TILE)];
}

/**
 * The finite points; the sixth is infinity. These lose less than the usual 0, 1, -1, 2, -2: with 64
 * channels the root-mean-square error in f32 is 7.6e-7 of the output's deviation instead of 1.6e-6; a direct sum
 * has 4.3e-7. All of their powers that the transforms need are exact in f32.
 */
const FINITE = [0, 5 / 8, -5 / 8, 3 / 2, -3 / 2] as const;

/** Coefficients, the constant first, of the polynomial with these zeros. */
function withZeros(zeros: readonly number[]): number[] {
  return zeros.reduce(
    (polynomial, zero) => {
      const longer = [0, ...polynomial];
      polynomial.forEach((coefficient, i) => (longer[i] -= zero * coefficient));
      return longer;
    },
    [1],
  );
}

const others = (point: number): number[] => FINITE.filter((one) => one !== point);
const powers = (point: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => point ** i);
const quotient = (point: number): number =>
  others(point).reduce((product, one) => product * (point - one), 1);

/** B^T, six pixels to six points. */
export const AT_POINTS: Matrix = [
  ...FINITE.map((point) => [...withZeros(others(point)), 0]),
  withZeros(FINITE),
];

/** G, three taps to six points. */
export const TAPS_AT_POINTS: Matrix = [
  ...FINITE.map((point) => powers(point, 3).map((power) => power / quotient(point))),
  [0, 0, 1],
];

/** A^T, six points to four outputs. */
export const FROM_POINTS: Matrix = Array.from({ length: TILE }, (_, row) => [
  ...FINITE.map((point) => point ** row),
  Number(row === TILE - 1),
]);

/** The product of a matrix and a vector; a coefficient of 0 adds nothing, not even 0 times NaN. */
export function transform(matrix: Matrix, vector: readonly number[]): number[] {
  return matrix.map((row) =>
    row.reduce(
      (sum, coefficient, i) => (coefficient === 0 ? sum : sum + coefficient * vector[i]),
      0,
    ),
  );
}

/** The matrix of the magnitudes. */
export function magnitudesOf(matrix: Matrix): Matrix {
  return matrix.map((row) => row.map(Math.abs));
}

/** A matrix with its rows as columns: that of the derivative. */
export function turned(matrix: Matrix): Matrix {
  return matrix[0].map((_, column) => matrix.map((row) => row[column]));
}
