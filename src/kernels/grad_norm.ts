// Norm of all gradients over their flat arena, the factor that clips them, and whether all are
// finite.
import { like } from "../tensor/array.ts";
import { size } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { shaders } from "./shaders.gen.ts";

/** Gradients with a norm above `max_norm` are scaled down to it; 0 switches clipping off. */
export interface GradNormAttributes {
  readonly max_norm: number;
}

// elements of one slice; fixed, so that every adapter adds in the same order
const { SLAB } = shaders.grad_norm.constants;
const slabsOf = (n: number): number => Math.max(1, Math.ceil(n / SLAB));
/** A larger length would overflow in f32. */
const MAX_F32 = 3.4028234663852886e38;

/** Lengths and counts of non-finite numbers, per slice. gradients [n] -> partials [B, 2]. */
export const gradNorm: Kernel<typeof shaders.grad_norm> = kernel({
  shader: shaders.grad_norm,
  axes: { gradients: "n" },
  shapes: ({ gradients }) => ({ partials: [slabsOf(size(gradients)), 2] }),
  params: ({ gradients }) => ({ n: size(gradients) }),
  grid: ({ n }) => foldGrid(slabsOf(n)),
  // per element: the square by size (8), a sum and a test; read once
  cost: ({ gradients }) => ({ flops: 10 * size(gradients), bytes: 4 * size(gradients) }),
  cases: (
    [
      ["two slabs and some", 9001],
      ["empty", 0],
      ["one", 1],
      ["a slab", 4096],
      ["a slab and one", 4097],
    ] as const
  )
    .map(([name, n]): Problem<"gradients", void> => ({
      name,
      shapes: { gradients: [n] },
      attributes: undefined,
    }))
    .concat(
      // around 2^50, beyond which numbers are squared in other units
      [2e15, 1e30].map((high) => ({
        name: `up to ${high}`,
        shapes: { gradients: [4099] },
        attributes: undefined,
        data: { gradients: { kind: "uniform", low: 0, high } },
      })),
    ),
  reference: ({ gradients }) => {
    const partials = like(gradients, 2 * slabsOf(gradients.length));
    for (let i = 0; i < gradients.length; i++) {
      const slab = Math.floor(i / SLAB);
      const g = gradients[i];
      if (Number.isFinite(g)) partials[2 * slab] += g * g;
      else partials[2 * slab + 1] += 1;
    }
    for (let i = 0; i < partials.length; i += 2) partials[i] = Math.sqrt(partials[i]);
    return { partials };
  },
});

/** Norms of slices up to `high`, none of which has gradients that are not finite. */
function finiteParts(slabs: number, high: number): Float32Array {
  return Float32Array.from({ length: 2 * slabs }, (_, i) =>
    i % 2 === 0 ? (high * ((i * 37) % slabs)) / slabs : 0,
  );
}

/**
 * norm = (|g|, min(1, max_norm / |g|), 1, 0), zeros if not all are finite. partials [B, 2] -> norm
 * [4].
 */
export const gradNormFinish: Kernel<typeof shaders.grad_norm_finish, GradNormAttributes> = kernel({
  shader: shaders.grad_norm_finish,
  axes: { partials: "B, 2" },
  shapes: ({ partials }, { max_norm }) => {
    expectShape({ partials }, [partials[0] ?? 0, 2]);
    if (!(max_norm >= 0)) throw new Error(`max_norm is ${max_norm}, expected 0 or more`);
    return { norm: [4] };
  },
  params: ({ partials }, { max_norm }) => ({ slabs: partials[0], max_norm }),
  grid: () => [1, 1, 1],
  cost: ({ partials }) => ({ flops: size(partials), bytes: 4 * size(partials) }),
  cases: [
    {
      name: "non-finite gradients",
      shapes: { partials: [100, 2] },
      attributes: { max_norm: 1 },
      data: { partials: { kind: "uniform", low: 0, high: 3 } },
    },
    {
      name: "no gradient",
      shapes: { partials: [1, 2] },
      attributes: { max_norm: 1 },
      data: { partials: { kind: "constant", value: 0 } },
    },
    // around 2^50, beyond which numbers are squared in other units
    ...[3, 2e15, 1e30].map((high): Problem<"partials", GradNormAttributes> => ({
      name: `more slabs than a workgroup, up to ${high}`,
      shapes: { partials: [601, 2] },
      attributes: { max_norm: 1 },
      data: { partials: { kind: "given", values: finiteParts(601, high) } },
    })),
  ],
  reference: ({ partials }, _, { max_norm }) => {
    let [squares, others] = [0, 0];
    for (let i = 0; i < partials.length; i += 2) {
      squares += partials[i] ** 2;
      others += partials[i + 1];
    }
    const norm = like(partials, 4);
    const length = Math.sqrt(squares);
    if (others !== 0 || !(length <= MAX_F32)) return { norm };
    norm.set([length, max_norm > 0 && length > max_norm ? max_norm / length : 1, 1, 0]);
    return { norm };
  },
});
