// Scale-invariant log loss between depth and sparse ground truth over the valid pixels of all
// views, and its gradient.
import { withGradient, type Problem, type Distribution } from "../engine/problem.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { size } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { slabsOf } from "./masked_mean.ts";
import { shaders } from "./shaders.gen.ts";

const { SLAB } = shaders.silog.constants;

/**
 * `variance_focus` is lambda (0.85 in AdaBins: the mean error weighs 1 - lambda), `scale` the
 * factor before the root.
 */
export interface SilogAttributes {
  readonly variance_focus: number;
  readonly scale: number;
}

// keeps the logarithm of depth 0 finite (AdaBins' code)
const LOG_EPSILON = shaders.silog.constants.EPSILON;
const { ROOT_EPSILON } = shaders.silog_finish.constants;

const DEPTHS: Record<"depth" | "depth_m", Distribution> = {
  depth: { kind: "uniform", low: 0.5, high: 80 },
  depth_m: { kind: "uniform", low: 0.5, high: 80 },
};
const cases: Problem<"depth" | "depth_m" | "valid", void>[] = (
  [
    ["sparse pixels of a rig", [3, 29, 53, 1], 0.05],
    ["no pixel", [2, 0, 5, 1], 1],
    ["none valid", [1, 5, 7, 1], 0],
    ["one pixel", [1, 1, 1, 1], 1],
    ["a slab and one", [1, 25, 41, 1], 1],
  ] as const
).map(([name, shape, share]) => ({
  name,
  shapes: { depth: shape, depth_m: shape, valid: shape },
  attributes: undefined,
  data: { ...DEPTHS, valid: { kind: "mask", share } as const },
}));
// Only depths this small show whether LOG_EPSILON is added, and with which sign.
const NEAR_ZERO: Distribution = { kind: "uniform", low: 0, high: 1e-6 };
cases.push({
  name: "valid above 0",
  shapes: { depth: [1, 1, 1023, 1], depth_m: [1, 1, 1023, 1], valid: [1, 1, 1023, 1] },
  attributes: undefined,
  data: { ...DEPTHS, valid: { kind: "uniform", low: -0.1, high: 0.1 } },
});
cases.push({
  name: "depths near 0",
  shapes: { depth: [1, 7, 9, 1], depth_m: [1, 7, 9, 1], valid: [1, 7, 9, 1] },
  attributes: undefined,
  data: { depth: NEAR_ZERO, depth_m: NEAR_ZERO, valid: { kind: "mask", share: 0.8 } },
});

/**
 * (count, mean, squared deviation) of the log error per slice. depth, depth_m, valid [V, H, W, 1]
 * -> partials [B, 3].
 */
export const silog: Kernel<typeof shaders.silog> = kernel({
  shader: shaders.silog,
  axes: { depth: "V, H, W, 1", depth_m: "V, H, W, 1", valid: "V, H, W, 1" },
  shapes: ({ depth, depth_m, valid }) => {
    expectShape({ depth_m, valid }, depth, "depth");
    return { partials: [slabsOf(size(depth), SLAB), 3] };
  },
  params: ({ depth }) => ({ n: size(depth) }),
  grid: ({ n }) => foldGrid(slabsOf(n, SLAB)),
  // a logarithm (8), two quotients and 9 sums and products; three tensors once
  cost: ({ depth }) => ({ flops: 20 * size(depth), bytes: 12 * size(depth) }),
  // steps far below the depths near 0
  cases: withGradient(cases, ({ data }) => [
    { wrt: ["depth"], step: data?.depth === NEAR_ZERO ? 1e-10 : undefined },
  ]),
  reference: ({ depth, depth_m, valid }) => {
    const partials = like(depth, 3 * slabsOf(depth.length, SLAB));
    for (let start = 0; start < depth.length; start += SLAB) {
      const errors: number[] = [];
      for (let i = start; i < Math.min(start + SLAB, depth.length); i++) {
        if (valid[i] > 0) errors.push(logError(depth, depth_m, i));
      }
      const mean = errors.reduce((a, b) => a + b, 0) / Math.max(errors.length, 1);
      const squares = errors.reduce((sum, g) => sum + (g - mean) ** 2, 0);
      partials.set([errors.length, mean, squares], 3 * (start / SLAB));
    }
    return { partials };
  },
});

/**
 * The loss from the moments of slices; 0 if there are fewer than two pixels. -> loss, count [1],
 * statistics [4].
 */
export const silogFinish: Kernel<typeof shaders.silog_finish, SilogAttributes> = kernel({
  shader: shaders.silog_finish,
  axes: { partials: "B, 3" },
  shapes: ({ partials }) => {
    expectShape({ partials }, [partials[0] ?? 0, 3]);
    return { loss: [1], count: [1], statistics: [4] };
  },
  params: ({ partials }, { variance_focus, scale }) => ({
    slabs: partials[0],
    mean_weight: 1 - variance_focus,
    scale,
  }),
  grid: () => [1, 1, 1],
  // merging two moments takes 10 operations
  cost: ({ partials }) => ({ flops: 4 * size(partials), bytes: 4 * size(partials) }),
  cases: (
    [
      ["a rig of 96x160", 90],
      ["one slab", 1],
      ["a workgroup and one", 65],
    ] as const
  ).map(([name, slabs]) => ({
    name,
    shapes: { partials: [slabs, 3] },
    attributes: { variance_focus: 0.85, scale: 10 },
    data: { partials: { kind: "uniform", low: 0.1, high: 40 } as const },
  })),
  reference: ({ partials }, _, { variance_focus, scale }) => {
    let [count, mean, squares] = [0, 0, 0];
    for (let i = 0; i < partials.length; i += 3) {
      const [n, m, s] = [partials[i], partials[i + 1], partials[i + 2]];
      const together = count + n;
      if (together === 0) continue;
      squares += s + ((m - mean) ** 2 * count * n) / together;
      mean += ((m - mean) * n) / together;
      count = together;
    }
    const variance = count < 2 ? 0 : squares / (count - 1);
    const root =
      count < 2 ? 0 : Math.sqrt(variance + (1 - variance_focus) * mean ** 2 + ROOT_EPSILON);
    const [loss, counted, statistics] = [like(partials, 1), like(partials, 1), like(partials, 4)];
    loss[0] = scale * root;
    counted[0] = count;
    statistics.set([count, mean, variance, root]);
    return { loss, count: counted, statistics };
  },
});

/**
 * d_depth = d_loss scale / root ((g - mean) / (count - 1) + (1 - lambda) mean / count) / depth, 0
 * where not valid. depth, depth_m, valid [V, H, W, 1], statistics [4], d_loss [1] -> d_depth
 * [V, H, W, 1].
 */
export const silogGrad: Kernel<typeof shaders.silog_grad, SilogAttributes> = kernel({
  shader: shaders.silog_grad,
  axes: {
    depth: "V, H, W, 1",
    depth_m: "V, H, W, 1",
    valid: "V, H, W, 1",
    statistics: "4",
    d_loss: "1",
  },
  shapes: ({ depth, depth_m, valid, statistics, d_loss }) => {
    expectShape({ depth_m, valid }, depth, "depth");
    expectShape({ statistics }, [4]);
    expectShape({ d_loss }, [1]);
    return { d_depth: depth };
  },
  params: ({ depth }, { variance_focus, scale }) => ({
    n: size(depth),
    mean_weight: 1 - variance_focus,
    scale,
  }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  // a logarithm (8) and 8 more; three tensors read, one written
  cost: ({ depth }) => ({ flops: 16 * size(depth), bytes: 16 * size(depth) }),
  cases: [
    ...cases.map((c) => ({
      ...c,
      shapes: { ...c.shapes, statistics: [4], d_loss: [1] },
      attributes: { variance_focus: 0.85, scale: 10 },
      data: { ...c.data, statistics: { kind: "uniform", low: 2, high: 3 } as const },
    })),
    {
      name: "fewer than two valid pixels",
      shapes: {
        depth: [1, 7, 9, 1],
        depth_m: [1, 7, 9, 1],
        valid: [1, 7, 9, 1],
        statistics: [4],
        d_loss: [1],
      },
      attributes: { variance_focus: 0.85, scale: 10 },
      data: { ...DEPTHS, statistics: { kind: "constant", value: 0 } },
    },
  ],
  reference: ({ depth, depth_m, valid, statistics, d_loss }, _, { variance_focus, scale }) => {
    const [count, mean, , root] = statistics as unknown as [number, number, number, number];
    const d_depth = like(depth, depth.length);
    if (count < 2) return { d_depth };
    const outer = (d_loss[0] * scale) / root;
    for (let i = 0; i < depth.length; i++) {
      if (!(valid[i] > 0)) continue;
      const g = logError(depth, depth_m, i);
      const d_g = (g - mean) / (count - 1) + ((1 - variance_focus) * mean) / count;
      d_depth[i] = (outer * d_g) / (depth[i] + LOG_EPSILON);
    }
    return { d_depth };
  },
});

/** g_i = ln(depth_i + 1e-7) - ln(depth_m_i + 1e-7). */
function logError(depth: NumberArray, depth_m: NumberArray, i: number): number {
  return Math.log(depth[i] + LOG_EPSILON) - Math.log(depth_m[i] + LOG_EPSILON);
}
