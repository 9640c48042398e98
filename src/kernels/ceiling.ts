// Kernels that only reach a limit of the adapter; the profiler measures ceilings with them.
import { like, type NumberArray } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

/** How the memory is divided among invocations. */
export interface StreamAttributes {
  /**
   * Each invocation takes neighbouring vectors, which suits CPU caches; else each lane of a
   * workgroup does.
   */
  readonly runs: boolean;
}

/** Repetitions of `STEPS` steps of each chain of an invocation. */
export interface FmaAttributes {
  readonly loops: number;
}

const FACTOR = 0.5;
/** The share of a chain's neighbour: small, so that thousands of steps do not overflow. */
const COUPLING = 1 / 256;
const WG = 256;
const READ_STEP = 8;
const FMA = shaders.ceiling_fma.constants;
const FMA_F16 = shaders.ceiling_fma_f16.constants;

const sizes: readonly [string, Shape][] = [
  ["one vector", [4]],
  ["a workgroup less one", [4 * 2047]],
  ["a workgroup and one", [2049, 4]],
  ["empty", [0]],
];
const streams = sizes.flatMap(([name, shape]) =>
  [false, true].map((runs) => ({
    name: `${name}${runs ? ", runs" : ""}`,
    shape,
    attributes: { runs },
  })),
);

function vectors(name: string, shape: Shape): number {
  const count = size(shape);
  if (count % 4 !== 0) {
    throw new Error(`${name}: x ${formatShape(shape)} is not a whole number of vectors of four`);
  }
  return count / 4;
}

/** y = x. x [any, a multiple of 4] -> y of the same shape. */
export const ceilingCopy: Kernel<typeof shaders.ceiling_copy, StreamAttributes> = kernel({
  shader: shaders.ceiling_copy,
  shapes: ({ x }) => ({ y: x }),
  params: ({ x }) => ({ n: vectors("ceiling_copy", x) }),
  overrides: (_, { runs }) => ({ RUNS: runs }),
  grid: ({ n }, { WG: wg, STEP }) => foldGrid(Math.ceil(n / (wg * STEP))),
  cost: ({ x }) => ({ flops: 0, bytes: 8 * size(x) }),
  cases: streams.map(({ name, shape, attributes }) => ({ name, shapes: { x: shape }, attributes })),
  reference: ({ x }) => {
    const y = like(x, x.length);
    y.set(x);
    return { y };
  },
});

/** Sums of the numbers that each invocation reads. x [any, a multiple of 4] -> y [invocations]. */
export const ceilingRead: Kernel<typeof shaders.ceiling_read, StreamAttributes> = kernel({
  shader: shaders.ceiling_read,
  shapes: ({ x }) => ({
    y: [WG * Math.ceil(vectors("ceiling_read", x) / (WG * READ_STEP))],
  }),
  params: ({ x }) => ({ n: vectors("ceiling_read", x) }),
  overrides: (_, { runs }) => ({ WG, STEP: READ_STEP, RUNS: runs }),
  grid: ({ n }, { WG: wg, STEP }) => foldGrid(Math.ceil(n / (wg * STEP))),
  cost: ({ x }) => ({ flops: size(x), bytes: 4 * size(x) + size(x) / READ_STEP }),
  terms: () => 4 * READ_STEP,
  cases: streams.map(({ name, shape, attributes }) => ({ name, shapes: { x: shape }, attributes })),
  reference: ({ x }, _, { runs }) => {
    const n = x.length / 4;
    const y = like(x, WG * Math.ceil(n / (WG * READ_STEP)));
    for (let i = 0; i < n; i++) {
      const group = Math.floor(i / (WG * READ_STEP));
      const inside = i % (WG * READ_STEP);
      const lane = runs ? Math.floor(inside / READ_STEP) : inside % WG;
      for (let c = 0; c < 4; c++) y[group * WG + lane] += x[4 * i + c];
    }
    return { y };
  },
});

/** y = a + b / 2. a, b [any, a multiple of 4] -> y of the same shape. */
export const ceilingTriad: Kernel<typeof shaders.ceiling_triad, StreamAttributes> = kernel({
  shader: shaders.ceiling_triad,
  shapes: ({ a, b }) => {
    if (size(a) !== size(b)) {
      throw new Error(`ceiling_triad: a ${formatShape(a)} and b ${formatShape(b)} differ`);
    }
    return { y: a };
  },
  params: ({ a }) => ({ n: vectors("ceiling_triad", a), factor: FACTOR }),
  overrides: (_, { runs }) => ({ RUNS: runs }),
  grid: ({ n }, { WG: wg, STEP }) => foldGrid(Math.ceil(n / (wg * STEP))),
  cost: ({ a }) => ({ flops: 2 * size(a), bytes: 12 * size(a) }),
  cases: streams.map(({ name, shape, attributes }) => ({
    name,
    shapes: { a: shape, b: shape },
    attributes,
  })),
  reference: ({ a, b }) => {
    const y = like(a, a.length);
    for (let i = 0; i < a.length; i++) y[i] = a[i] + FACTOR * b[i];
    return { y };
  },
});

const fmaCases: Kernel<typeof shaders.ceiling_fma, FmaAttributes>["cases"] = [
  { name: "one", shapes: { x: [1] }, attributes: { loops: 16 } },
  { name: "a workgroup and one, one turn", shapes: { x: [257] }, attributes: { loops: 1 } },
  { name: "no step", shapes: { x: [5] }, attributes: { loops: 0 } },
  { name: "empty", shapes: { x: [0] }, attributes: { loops: 2 } },
];

/** Chains of fused multiply-adds in registers. x [T] -> y [T]. */
export const ceilingFma: Kernel<typeof shaders.ceiling_fma, FmaAttributes> = kernel({
  shader: shaders.ceiling_fma,
  axes: { x: "T" },
  shapes: ({ x }) => ({ y: x }),
  params: ({ x }) => ({ n: size(x), factor: COUPLING }),
  overrides: (_, { loops }) => ({ LOOPS: loops }),
  grid: ({ n }, { WG: wg }) => foldGrid(Math.ceil(n / wg)),
  // a step is a multiplication and an addition
  cost: ({ x }, { loops }) => ({
    flops: 2 * FMA.CHAINS * FMA.STEPS * loops * size(x),
    bytes: 8 * size(x),
  }),
  cases: fmaCases,
  reference: ({ x }, _, { loops }) => ({ y: meanOfCoupledChains(x, loops * FMA.STEPS) }),
});

/** Pairs of such chains in half precision. x [T] -> y [T]. */
export const ceilingFmaF16: Kernel<typeof shaders.ceiling_fma_f16, FmaAttributes> = kernel({
  shader: shaders.ceiling_fma_f16,
  axes: { x: "T" },
  shapes: ({ x }) => ({ y: x }),
  params: ({ x }) => ({ n: size(x), factor: FACTOR }),
  overrides: (_, { loops }) => ({ LOOPS: loops }),
  grid: ({ n }, { WG: wg }) => foldGrid(Math.ceil(n / wg)),
  // a step is a multiplication and an addition of two
  cost: ({ x }, { loops }) => ({
    flops: 4 * FMA_F16.PAIRS * FMA_F16.STEPS * loops * size(x),
    bytes: 8 * size(x),
  }),
  cases: fmaCases,
  reference: ({ x }, _, { loops }) => ({
    y: meanOfChains(x, loops * FMA_F16.STEPS, 2 * FMA_F16.PAIRS),
  }),
});

function meanOfCoupledChains<T extends NumberArray>(x: T, steps: number): T {
  const y = like(x, x.length);
  for (let t = 0; t < x.length; t++) {
    const v = Array.from({ length: FMA.CHAINS }, (_, c) => (c + 1) * x[t]);
    for (let j = 0; j < steps; j++) {
      for (let c = 0; c < v.length; c++) v[c] += COUPLING * v[(c + 1) % v.length];
    }
    for (const last of v) y[t] += last / v.length;
  }
  return y;
}

function meanOfChains<T extends NumberArray>(x: T, steps: number, chains: number): T {
  const y = like(x, x.length);
  for (let t = 0; t < x.length; t++) {
    for (let chain = 1; chain <= chains; chain++) {
      let v = chain * x[t];
      for (let j = 0; j < steps; j++) v = v * FACTOR + x[t];
      y[t] += v / chains;
    }
  }
  return y;
}
