// Rows (tokens) divided by their length, and the gradient.
import { withGradient, type Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

/** The minimum divisor of a row. */
export interface NormalizeRowsAttributes {
  readonly floor: number;
}

const geometry = (x: Shape): { rows: number; features: number } => {
  const features = x.at(-1) ?? 0;
  return { rows: features === 0 ? 0 : size(x) / features, features };
};
const lengthOf = (x: Shape): Shape => [...x.slice(0, -1), 1];
const cases: Problem<"x", NormalizeRowsAttributes>[] = (
  [
    ["tokens of a rig", [6, 15, 128]],
    ["no token", [6, 0, 16]],
    ["one feature", [5, 1]],
    ["a workgroup and one, a feature more than lanes", [33, 9]],
    ["a prime of features", [2, 3, 131]],
  ] as const
).map(([name, x]) => ({ name, shapes: { x }, attributes: { floor: 1e-6 } }));

/** y = x / max(|x|, floor) per row. x [.., E] -> y of the same shape, length [.., 1] = |x|. */
export const normalizeRows: Kernel<typeof shaders.normalize_rows, NormalizeRowsAttributes> = kernel(
  {
    shader: shaders.normalize_rows,
    axes: { x: "..., E" },
    shapes: ({ x }) => ({ y: x, length: lengthOf(x) }),
    params: ({ x }, { floor }) => ({ ...geometry(x), floor }),
    grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
    // per feature: a multiply-add and a quotient; read and written once
    cost: ({ x }) => ({ flops: 6 * size(x), bytes: 8 * size(x) }),
    cases: withGradient(
      [
        ...cases,
        {
          name: "shorter than the floor",
          shapes: { x: [3, 8] },
          attributes: { floor: 100 },
        },
        // beyond 2^50, numbers are squared in other units
        {
          name: "large and very large features",
          shapes: { x: [7, 8] },
          attributes: { floor: 1e-6 },
          data: { x: { kind: "uniform", low: 0, high: 2e15 } as const },
        },
      ],
      ({ data }) => (data === undefined ? [{ wrt: ["x"] }] : []),
    ),
    reference: ({ x }, shapes, { floor }) => {
      const { rows, features } = geometry(shapes.x);
      const [y, length] = [like(x, x.length), like(x, rows)];
      for (let row = 0; row < rows; row++) {
        let sum = 0;
        for (let i = row * features; i < (row + 1) * features; i++) sum += x[i] * x[i];
        length[row] = Math.sqrt(sum);
        const divisor = Math.max(Math.sqrt(sum), floor);
        for (let i = row * features; i < (row + 1) * features; i++) y[i] = x[i] / divisor;
      }
      return { y, length };
    },
  },
);

/**
 * d_x = (d_y - y <y, d_y>) / |x|, d_y / floor below the floor. y, d_y [.., E], length [.., 1] ->
 * d_x.
 */
export const normalizeRowsGrad: Kernel<
  typeof shaders.normalize_rows_grad,
  NormalizeRowsAttributes
> = kernel({
  shader: shaders.normalize_rows_grad,
  axes: { y: "..., E", length: "..., 1", d_y: "..., E" },
  shapes: ({ y, length, d_y }) => {
    expectShape({ length }, lengthOf(y));
    expectShape({ d_y }, y, "y");
    return { d_x: y };
  },
  params: ({ y }, { floor }) => ({ ...geometry(y), floor }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per feature: two multiply-adds and a quotient; two reads and a write
  cost: ({ y }) => ({ flops: 8 * size(y), bytes: 12 * size(y) }),
  cases: cases.map(({ name, shapes: { x } }) => ({
    name,
    shapes: { y: x, d_y: x, length: lengthOf(x) },
    attributes: { floor: 0.5 },
    // rows with lengths on both sides of the floor; entries of a row whose length is about one
    data: {
      y: { kind: "uniform", low: -0.2, high: 0.2 },
      length: { kind: "uniform", low: 0.2, high: 1 },
    },
  })),
  reference: ({ y, d_y, length }, shapes, { floor }) => {
    const { rows, features } = geometry(shapes.y);
    const d_x = like(y, y.length);
    for (let row = 0; row < rows; row++) {
      let dot = 0;
      for (let i = row * features; i < (row + 1) * features; i++) dot += y[i] * d_y[i];
      const along = length[row] > floor ? dot : 0;
      const divisor = Math.max(length[row], floor);
      for (let i = row * features; i < (row + 1) * features; i++) {
        d_x[i] = (d_y[i] - y[i] * along) / divisor;
      }
    }
    return { d_x };
  },
});
