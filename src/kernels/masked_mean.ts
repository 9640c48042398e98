// Mean of the elements that a mask keeps, counted on the GPU, and its gradient. The last step of
// the masked losses.
import { withGradient, type Distribution } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { size } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

const { SLAB } = shaders.masked_mean.constants;

/**
 * The number of slices of n elements, at least one; their size is fixed, so that every adapter adds
 * in the same order.
 */
export function slabsOf(n: number, slab: number): number {
  return Math.max(1, Math.ceil(n / slab));
}

const flags = (share: number): Distribution => ({ kind: "mask", share });
/** A mask lets through what is above 0, however little. */
const little: Distribution = { kind: "uniform", low: -0.1, high: 0.1 };

/** Sums and counts per slice of 1024 elements. x, mask [any] -> partials [B, 2]. */
export const maskedMean: Kernel<typeof shaders.masked_mean> = kernel({
  shader: shaders.masked_mean,
  shapes: ({ x, mask }) => {
    expectShape({ mask }, x, "x");
    return { partials: [slabsOf(size(x), SLAB), 2] };
  },
  params: ({ x }) => ({ n: size(x) }),
  grid: ({ n }) => foldGrid(slabsOf(n, SLAB)),
  // per element, a comparison and two sums; x and mask once
  cost: ({ x }) => ({ flops: 3 * size(x), bytes: 8 * size(x) }),
  terms: () => SLAB,
  cases: withGradient(
    (
      [
        ["a prime of elements", [1, 2, 1511, 1], flags(0.7)],
        ["empty", [0], flags(1)],
        ["one", [1], flags(1)],
        ["a slab and one", [1025], flags(0.5)],
        ["nothing let through", [300], flags(0)],
        ["a workgroup less one, little let through", [1023], little],
      ] as const
    ).map(([name, shape, mask]) => ({
      name,
      shapes: { x: shape, mask: shape },
      attributes: undefined,
      data: { mask },
    })),
    { wrt: ["x"], linear: true },
  ),
  reference: ({ x, mask }) => {
    const partials = like(x, 2 * slabsOf(x.length, SLAB));
    for (let i = 0; i < x.length; i++) {
      if (!(mask[i] > 0)) continue;
      const slab = Math.floor(i / SLAB);
      partials[2 * slab] += x[i];
      partials[2 * slab + 1] += 1;
    }
    return { partials };
  },
});

/**
 * The mean from the slices' sums and counts; 0 if empty. partials [B, 2] -> mean [1], count [1].
 */
export const maskedMeanFinish: Kernel<typeof shaders.masked_mean_finish> = kernel({
  shader: shaders.masked_mean_finish,
  axes: { partials: "B, 2" },
  shapes: ({ partials }) => {
    expectShape({ partials }, [partials[0] ?? 0, 2]);
    return { mean: [1], count: [1] };
  },
  params: ({ partials }) => ({ slabs: partials[0] }),
  grid: () => [1, 1, 1],
  cost: ({ partials }) => ({ flops: size(partials), bytes: 4 * size(partials) }),
  cases: (
    [
      ["a rig of 48x80", 23, { kind: "uniform", low: 0, high: 900 }],
      ["one slab", 1, { kind: "uniform", low: 0, high: 900 }],
      ["a workgroup and one", 65, { kind: "uniform", low: 0, high: 900 }],
      ["a prime", 211, { kind: "uniform", low: 0, high: 900 }],
      ["one element", 1, { kind: "constant", value: 1 }],
      ["none", 1, { kind: "constant", value: 0 }],
    ] as const
  ).map(([name, slabs, partials]) => ({
    name,
    shapes: { partials: [slabs, 2] },
    attributes: undefined,
    data: { partials },
  })),
  reference: ({ partials }) => {
    const [mean, count] = [like(partials, 1), like(partials, 1)];
    for (let i = 0; i < partials.length; i += 2) {
      mean[0] += partials[i];
      count[0] += partials[i + 1];
    }
    mean[0] /= Math.max(count[0], 1);
    return { mean, count };
  },
});

/**
 * d_x = d_mean / count where the mask keeps the element, else 0. mask [any], count, d_mean [1] ->
 * d_x of mask's shape.
 */
export const maskedMeanGrad: Kernel<typeof shaders.masked_mean_grad> = kernel({
  shader: shaders.masked_mean_grad,
  shapes: ({ mask, count, d_mean }) => {
    expectShape({ count, d_mean }, [1]);
    return { d_x: mask };
  },
  params: ({ mask }) => ({ n: size(mask) }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  cost: ({ mask }) => ({ flops: size(mask), bytes: 8 * size(mask) }),
  cases: (
    [
      ["a prime of elements", [3, 503], 37, flags(0.5)],
      ["empty", [0], 1, flags(0.5)],
      ["a workgroup and one", [1025], 512, flags(0.5)],
      ["nothing let through", [300], 0, flags(0)],
      ["a workgroup less one, little let through", [1023], 1, little],
    ] as const
  ).map(([name, shape, count, mask]) => ({
    name,
    shapes: { mask: shape, count: [1], d_mean: [1] },
    attributes: undefined,
    data: { mask, count: { kind: "constant", value: count } as const },
  })),
  reference: ({ mask, count, d_mean }) => {
    const d_x = like(mask, mask.length);
    const share = d_mean[0] / Math.max(count[0], 1);
    for (let i = 0; i < mask.length; i++) d_x[i] = mask[i] > 0 ? share : 0;
    return { d_x };
  },
});
