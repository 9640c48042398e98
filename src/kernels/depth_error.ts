// Depth errors in metres over the valid pixels of all views: absolute (L1) or reverse Huber
// (berHu), whose threshold follows the largest error. The mean over pixels is masked_mean's.
import { like } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { withGradient, type Distribution, type Problem } from "../engine/problem.ts";
import { slabsOf } from "./masked_mean.ts";
import { shaders } from "./shaders.gen.ts";

const { SLAB } = shaders.depth_error_peak.constants;

/** `scale` is the factor of the cost. */
export interface DepthErrorAttributes {
  readonly scale: number;
}

type Maps = "depth" | "depth_m" | "valid";
const AXES: Readonly<Record<Maps, string>> = {
  depth: "V, H, W, 1",
  depth_m: "V, H, W, 1",
  valid: "V, H, W, 1",
};
const DEPTHS: Record<"depth" | "depth_m", Distribution> = {
  depth: { kind: "uniform", low: 0.5, high: 80 },
  depth_m: { kind: "uniform", low: 0.5, high: 80 },
};
const share = (of: number): Distribution => ({ kind: "mask", share: of });
const MAPS: readonly (readonly [string, Shape, Distribution])[] = [
  ["sparse pixels of a rig", [3, 29, 53, 1], share(0.05)],
  ["no pixel", [2, 0, 5, 1], share(1)],
  ["none valid", [1, 5, 7, 1], share(0)],
  ["one pixel", [1, 1, 1, 1], share(1)],
  ["a slab and one", [1, 25, 41, 1], share(1)],
  [
    "a workgroup less one, valid above 0",
    [1, 1, 1023, 1],
    { kind: "uniform", low: -0.1, high: 0.1 },
  ],
];
const cases: readonly Problem<Maps, void>[] = MAPS.map(([name, shape, valid]) => ({
  name,
  shapes: { depth: shape, depth_m: shape, valid: shape },
  attributes: undefined,
  data: { ...DEPTHS, valid },
}));
/** Each case with a threshold in the midst of the errors, and without one. */
const costCases: readonly Problem<Maps | "threshold", DepthErrorAttributes>[] = cases.flatMap((c) =>
  [[1], [0]].map((threshold) => ({
    ...c,
    name: threshold[0] === 0 ? c.name : `${c.name}, reverse Huber`,
    shapes: { ...c.shapes, threshold },
    attributes: { scale: 0.1 },
    data: { ...c.data, threshold: { kind: "constant", value: 15 } as const },
  })),
);

function checkMaps({ depth, depth_m, valid }: Readonly<Record<Maps, Shape>>): void {
  expectShape({ depth_m, valid }, depth, "depth");
}

function checkThreshold(threshold: Shape): void {
  if (threshold[0] !== 0) expectShape({ threshold }, [1]);
}

/** max |depth - depth_m| over valid > 0 per slice. depth, depth_m, valid [V, H, W, 1] -> peaks [B]. */
export const depthErrorPeak: Kernel<typeof shaders.depth_error_peak> = kernel({
  shader: shaders.depth_error_peak,
  axes: AXES,
  shapes: (inputs) => {
    checkMaps(inputs);
    return { peaks: [slabsOf(size(inputs.depth), SLAB)] };
  },
  params: ({ depth }) => ({ n: size(depth) }),
  grid: ({ n }) => foldGrid(slabsOf(n, SLAB)),
  // a difference, its magnitude and a comparison; three tensors once
  cost: ({ depth }) => ({ flops: 3 * size(depth), bytes: 12 * size(depth) }),
  cases,
  reference: ({ depth, depth_m, valid }) => {
    const peaks = like(depth, slabsOf(depth.length, SLAB));
    for (let i = 0; i < depth.length; i++) {
      if (!(valid[i] > 0)) continue;
      const slab = Math.floor(i / SLAB);
      peaks[slab] = Math.max(peaks[slab], Math.abs(depth[i] - depth_m[i]));
    }
    return { peaks };
  },
});

/** threshold = 0.2 max peaks (Laina et al. 2016). peaks [B], none below 0 -> threshold [1]. */
export const depthErrorThreshold: Kernel<typeof shaders.depth_error_threshold> = kernel({
  shader: shaders.depth_error_threshold,
  axes: { peaks: "B" },
  shapes: ({ peaks }) => {
    expectShape({ peaks }, [peaks[0] ?? 0]);
    return { threshold: [1] };
  },
  params: ({ peaks }) => ({ slabs: peaks[0] }),
  grid: () => [1, 1, 1],
  cost: ({ peaks }) => ({ flops: size(peaks), bytes: 4 * size(peaks) }),
  cases: (
    [
      ["a rig of 96x160", 90],
      ["one slab", 1],
      ["a workgroup and one", 65],
      ["a rig of 384x640", 1440],
    ] as const
  ).map(([name, slabs]) => ({
    name,
    shapes: { peaks: [slabs] },
    attributes: undefined,
    data: { peaks: { kind: "uniform", low: 0, high: 80 } as const },
  })),
  reference: ({ peaks }) => {
    const threshold = like(peaks, 1);
    for (const peak of peaks) threshold[0] = Math.max(threshold[0], 0.2 * peak);
    return { threshold };
  },
});

/**
 * cost = scale |e|, e = depth - depth_m; with a threshold c, scale (e^2 + c^2) / (2 c) where |e| > c
 * (reverse Huber); 0 where not valid. depth, depth_m, valid [V, H, W, 1] metres, threshold [1] or
 * [0] -> cost [V, H, W, 1].
 */
export const depthError: Kernel<typeof shaders.depth_error, DepthErrorAttributes> = kernel({
  shader: shaders.depth_error,
  axes: { ...AXES, threshold: "1" },
  shapes: ({ threshold, ...maps }) => {
    checkMaps(maps);
    checkThreshold(threshold);
    return { cost: maps.depth };
  },
  params: ({ depth }, { scale }) => ({ n: size(depth), scale }),
  overrides: ({ threshold }) => ({ HAS_THRESHOLD: threshold[0] !== 0 }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  // a difference, its magnitude, a comparison, 4 of the parabola, a product; four tensors once
  cost: ({ depth }) => ({ flops: 8 * size(depth), bytes: 16 * size(depth) }),
  // the threshold is a constant of the gradient
  cases: withGradient(costCases, { wrt: ["depth"] }),
  reference: ({ depth, depth_m, valid, threshold }, _, { scale }) => {
    const cost = like(depth, depth.length);
    for (let i = 0; i < depth.length; i++) {
      if (!(valid[i] > 0)) continue;
      const error = Math.abs(depth[i] - depth_m[i]);
      const c = threshold[0] ?? Infinity;
      cost[i] = scale * (error <= c || c === Infinity ? error : (error * (error / c) + c) / 2);
    }
    return { cost };
  },
});

/**
 * d_depth = d_cost scale sign(e), with a threshold c (a constant) d_cost scale e / c where |e| > c; 0
 * where not valid. depth, depth_m, valid, d_cost [V, H, W, 1], threshold [1] or [0] -> d_depth
 * [V, H, W, 1].
 */
export const depthErrorGrad: Kernel<typeof shaders.depth_error_grad, DepthErrorAttributes> = kernel(
  {
    shader: shaders.depth_error_grad,
    axes: { ...AXES, threshold: "1", d_cost: "V, H, W, 1" },
    shapes: ({ threshold, d_cost, ...maps }) => {
      checkMaps(maps);
      checkThreshold(threshold);
      expectShape({ d_cost }, maps.depth, "depth");
      return { d_depth: maps.depth };
    },
    params: ({ depth }, { scale }) => ({ n: size(depth), scale }),
    overrides: ({ threshold }) => ({ HAS_THRESHOLD: threshold[0] !== 0 }),
    grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
    // a difference, its sign, a comparison, a quotient, two products; five tensors once
    cost: ({ depth }) => ({ flops: 6 * size(depth), bytes: 20 * size(depth) }),
    cases: costCases.map((c) => ({ ...c, shapes: { ...c.shapes, d_cost: c.shapes.depth } })),
    reference: ({ depth, depth_m, valid, threshold, d_cost }, _, { scale }) => {
      const d_depth = like(depth, depth.length);
      const c = threshold[0] ?? Infinity;
      for (let i = 0; i < depth.length; i++) {
        if (!(valid[i] > 0)) continue;
        const error = depth[i] - depth_m[i];
        const isLinear = Math.abs(error) <= c || c === Infinity;
        d_depth[i] = d_cost[i] * scale * (isLinear ? Math.sign(error) : error / c);
      }
      return { d_depth };
    },
  },
);
