// Dropout by counter: the mask follows from seed, step and place alone.
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { like } from "../tensor/array.ts";
import { hash } from "../tensor/random.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { shaders } from "./shaders.gen.ts";

/** The share that becomes 0, the seed of the mask, and the slot of the step among the scalars. */
export interface DropoutAttributes {
  readonly share: number;
  readonly seed: number;
  readonly slot: number;
}

/** Scalars of which slot 6 alone is the step. */
const scalarsOf = (step: number): Float32Array =>
  Float32Array.from({ length: 64 }, (_, slot) => (slot === 6 ? step : step + slot + 3));

const problem = (
  name: string,
  x: Shape,
  share: number,
  step: number,
): Problem<"x" | "scalars", DropoutAttributes> => ({
  name,
  shapes: { x, scalars: [64] },
  attributes: { share, seed: 77, slot: 6 },
  data: { scalars: { kind: "given", values: scalarsOf(step) } },
});

const given = Float32Array.from({ length: 37 }, (_, i) => [NaN, Infinity, -Infinity, 1][i % 4]);

/**
 * y = x / (1 - share), or 0 where a hash of seed, step and place is below share 2^32; y = x where
 * the step is below 0. A NaN stays one. x [any], scalars [64] -> y of x's shape. The gradient is the
 * same function of d_y. Source: Srivastava et al. 2014, section 10.
 */
export const dropout: Kernel<typeof shaders.dropout, DropoutAttributes> = kernel({
  shader: shaders.dropout,
  shapes: ({ x, scalars }, { share, seed, slot }) => {
    expectShape({ scalars }, [64]);
    if (!(share >= 0 && share < 1)) throw new Error(`share is ${share}, expected 0 to below 1`);
    if (!Number.isSafeInteger(seed)) throw new Error(`seed is ${seed}, expected a whole number`);
    if (!(Number.isInteger(slot) && slot >= 0 && slot < 64)) {
      throw new Error(`slot is ${slot}, expected 0 to 63`);
    }
    return { y: x };
  },
  params: ({ x }, { share, seed, slot }) => ({
    n: size(x),
    slot,
    key: hash(seed),
    dropped: Math.floor(share * 2 ** 32),
    scale: 1 / (1 - share),
  }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  // two hashes of twelve operations and a product
  cost: ({ x }) => ({ flops: 25 * size(x), bytes: 8 * size(x) }),
  cases: [
    problem("a tenth, prime", [3019], 0.1, 0),
    problem("half, a later step", [3, 7, 61], 0.5, 123_457),
    problem("almost all", [2049], 0.999, 3),
    problem("nothing", [100], 0, 3),
    problem("turned off", [100], 0.5, -1),
    problem("empty", [0], 0.5, 1),
    problem("a scalar", [], 0.5, 1),
    {
      ...problem("not finite", [37], 0.5, 1),
      data: {
        scalars: { kind: "constant", value: 1 },
        x: { kind: "given", values: given },
      },
    },
  ],
  reference: ({ x, scalars }, _, { share, seed, slot }) => {
    const step = scalars[slot];
    const dropped = Math.floor(share * 2 ** 32);
    const y = like(x, x.length);
    for (let i = 0; i < x.length; i++) {
      if (step < 0) y[i] = x[i];
      else if (hash(seed, Math.trunc(step), i) >= dropped || Number.isNaN(x[i])) {
        y[i] = x[i] / (1 - share);
      } else y[i] = 0;
    }
    return { y };
  },
});
