// Sums down the columns of matrices, in slices of rows: for bias gradients, broadcasts, cut sums; and
// of four matrices at once.
import { like, type NumberArray } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { foldGrid, kernel, type Inputs, type Kernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { mapping } from "../engine/mapping.ts";
import { readsAsQuads } from "./row_slice.ts";
import { shaders } from "./shaders.gen.ts";

/** `slab` rows are added into one row of y. */
export interface ColumnSumAttributes {
  readonly slab: number;
}

function rowsOf(x: Shape): readonly [batches: number, rows: number, cols: number] {
  if (x.length !== 3) throw new Error(`x${formatShape(x)} must be [batches, rows, columns]`);
  return x as unknown as readonly [number, number, number];
}
// an empty sum must still write its zeros: at least one slice
const slabsOf = (rows: number, slab: number): number => Math.max(1, Math.ceil(rows / slab));

const cases: Problem<"x", ColumnSumAttributes>[] = [
  { name: "a workgroup and one", shapes: { x: [1, 9, 65] }, attributes: { slab: 4 } },
  { name: "one", shapes: { x: [1, 1, 1] }, attributes: { slab: 1 } },
  { name: "primes", shapes: { x: [3, 101, 7] }, attributes: { slab: 13 } },
  { name: "one slab", shapes: { x: [2, 33, 63] }, attributes: { slab: 33 } },
  { name: "no rows", shapes: { x: [2, 0, 5] }, attributes: { slab: 8 } },
  { name: "no columns", shapes: { x: [2, 5, 0] }, attributes: { slab: 8 } },
  { name: "fours, a prime of rows", shapes: { x: [2, 37, 12] }, attributes: { slab: 5 } },
  { name: "tokens", shapes: { x: [1, 360, 512] }, attributes: { slab: 64 } },
];

/** y = sums of slices of rows. x [batches, rows, cols] -> y [batches, ceil(rows / slab), cols]. */
export const columnSum: Kernel<typeof shaders.column_sum, ColumnSumAttributes> = kernel({
  shader: shaders.column_sum,
  axes: { x: "batches, rows, cols" },
  shapes: ({ x }, { slab }) => {
    const [batches, rows, cols] = rowsOf(x);
    return { y: [batches, slabsOf(rows, slab), cols] };
  },
  params: ({ x }, { slab }) => {
    const [batches, rows, cols] = rowsOf(x);
    return { batches, rows, cols, slab, slabs: slabsOf(rows, slab) };
  },
  grid: ({ batches, slabs, cols }, { WG }) => foldGrid(Math.ceil((batches * slabs * cols) / WG)),
  cost: ({ x }, { slab }) => {
    const [batches, rows, cols] = rowsOf(x);
    return { flops: size(x), bytes: 4 * (size(x) + batches * slabsOf(rows, slab) * cols) };
  },
  terms: (_, { slab }) => slab,
  variants: () => [columnSumVec4],
  cases,
  reference: ({ x }, shapes, { slab }) => {
    const [batches, rows, cols] = rowsOf(shapes.x);
    const slabs = slabsOf(rows, slab);
    const y = like(x, batches * slabs * cols);
    for (let batch = 0; batch < batches; batch++) {
      for (let row = 0; row < rows; row++) {
        const from = (batch * rows + row) * cols;
        const to = (batch * slabs + Math.floor(row / slab)) * cols;
        for (let col = 0; col < cols; col++) y[to + col] += x[from + col];
      }
    }
    return { y };
  },
});

/** As `columnSum`, four columns per load: where their number is a multiple of four. */
export const columnSumVec4: Kernel<typeof shaders.column_sum_vec4, ColumnSumAttributes> = mapping(
  columnSum,
  {
    shader: shaders.column_sum_vec4,
    grid: ({ batches, slabs, cols }, { WG }) =>
      foldGrid(Math.ceil((batches * slabs * cols) / 4 / WG)),
    runs: (_, { x }) => readsAsQuads(0, x.at(-1) ?? 0, 4),
  },
);

type Matrix = Inputs<typeof shaders.column_sum_four>;
const MATRICES = ["a", "b", "c", "d"] as const satisfies readonly Matrix[];

/** The shape of a matrix's sums; throws unless its columns are a multiple of four. */
function sumsOf(name: Matrix, x: Shape): Shape {
  if (x.length !== 3 || x[0] !== 1 || x[2] % 4 !== 0) {
    throw new Error(
      `column_sum_four: ${name}${formatShape(x)} must be [1, rows, columns], columns a multiple of 4`,
    );
  }
  return [1, 1, x[2]];
}

/** A problem of four matrices, given as rows and columns. */
const matrices = (
  name: string,
  ...all: readonly (readonly [rows: number, cols: number])[]
): Problem<Matrix, undefined> => {
  const [a, b, c, d] = all.map(([rows, cols]) => [1, rows, cols]);
  return { name, shapes: { a, b, c, d }, attributes: undefined };
};

/**
 * The column sums of four matrices in one dispatch, with the bits of `columnSum`. a, b, c, d
 * [1, rows, columns], each of its own size, columns multiples of 4 -> sum_a, sum_b, sum_c, sum_d
 * [1, 1, columns].
 */
export const columnSumFour: Kernel<typeof shaders.column_sum_four, undefined> = kernel({
  shader: shaders.column_sum_four,
  axes: {
    a: "1, rows of a, columns of a",
    b: "1, rows of b, columns of b",
    c: "1, rows of c, columns of c",
    d: "1, rows of d, columns of d",
  },
  shapes: ({ a, b, c, d }) => ({
    sum_a: sumsOf("a", a),
    sum_b: sumsOf("b", b),
    sum_c: sumsOf("c", c),
    sum_d: sumsOf("d", d),
  }),
  params: ({ a, b, c, d }) => ({
    rows_a: a[1],
    rows_b: b[1],
    rows_c: c[1],
    rows_d: d[1],
    cols_a: a[2],
    cols_b: b[2],
    cols_c: c[2],
    cols_d: d[2],
  }),
  grid: ({ cols_a, cols_b, cols_c, cols_d }, { WG }) =>
    foldGrid(Math.ceil((cols_a + cols_b + cols_c + cols_d) / 4 / WG)),
  cost: (shapes) => {
    const numbers = MATRICES.reduce((sum, name) => sum + size(shapes[name]), 0);
    const sums = MATRICES.reduce((sum, name) => sum + shapes[name][2], 0);
    return { flops: numbers, bytes: 4 * (numbers + sums) };
  },
  terms: (shapes) => Math.max(...MATRICES.map((name) => shapes[name][1])),
  cases: [
    matrices("slices and a bias", [72, 96], [21, 128], [6, 256], [90, 32]),
    matrices("primes of rows, a workgroup and one", [7, 4], [1, 8], [13, 260], [2, 12]),
    matrices("no rows, no columns", [0, 8], [3, 0], [5, 4], [0, 0]),
    matrices("none", [4, 0], [0, 0], [1, 0], [2, 0]),
  ],
  reference: (arrays, shapes) => {
    const sums = <T extends NumberArray>(x: T, [, rows, cols]: Shape): T => {
      const sum = like(x, cols);
      for (let row = 0; row < rows; row++) {
        for (let col = 0; col < cols; col++) sum[col] += x[row * cols + col];
      }
      return sum;
    };
    return {
      sum_a: sums(arrays.a, shapes.a),
      sum_b: sums(arrays.b, shapes.b),
      sum_c: sums(arrays.c, shapes.c),
      sum_d: sums(arrays.d, shapes.d),
    };
  },
});
