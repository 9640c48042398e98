// Sums down the columns of matrices, in slices of rows: for bias gradients, broadcasts, cut sums.
import { like } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
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
