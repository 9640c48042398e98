// Bin centres moved towards attractors (ZoeDepth), and the gradients with respect to both.
import { withGradient, type Problem } from "../../engine/problem.ts";
import { like } from "../../tensor/array.ts";
import { formatShape, size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { readsAsQuads } from "../row_slice.ts";
import { shaders } from "../shaders.gen.ts";

/** The forms of attraction in the order of the shaders' KIND. */
export const ATTRACTIONS = ["inverse", "exponential"] as const;

/**
 * f(x) = x / (1 + alpha x^2) or x exp(-alpha |x|^gamma); the pulls of the attractors are averaged,
 * or added if `mean` is false (true by default).
 */
export interface AttractorAttributes {
  readonly alpha: number;
  readonly kind: (typeof ATTRACTIONS)[number];
  readonly gamma: number;
  readonly mean?: boolean;
}

type Shapes = Readonly<Record<"centers" | "attractors", Shape>>;
type Strengths = Record<"bins" | "attractors" | "alpha" | "gamma" | "weight", number>;

const strengths = ({ centers, attractors }: Shapes, attributes: AttractorAttributes): Strengths => {
  const { alpha, gamma, mean = true } = attributes;
  const count = attractors.at(-1)!;
  return { bins: centers.at(-1)!, attractors: count, alpha, gamma, weight: mean ? 1 / count : 1 };
};
const params = (shapes: Shapes, attributes: AttractorAttributes): Strengths & { rows: number } => ({
  ...strengths(shapes, attributes),
  rows: size(shapes.centers.slice(0, -1)),
});
const overrides = (_: unknown, { kind }: AttractorAttributes): { KIND: number } => ({
  KIND: ATTRACTIONS.indexOf(kind),
});
// an inverse attraction is 6 operations and its slope 9
const flops = ({ centers, attractors }: Shapes, each: number): number =>
  each * size(centers) * attractors.at(-1)!;

const inverse = { alpha: 1000, kind: "inverse", gamma: 2 } as const;
const exponential = { alpha: 300, kind: "exponential", gamma: 2 } as const;
const UNITS = { kind: "uniform", low: 0, high: 0.2 } as const;
const cases: Problem<"centers" | "attractors", AttractorAttributes>[] = (
  [
    ["the first level of the student", [2, 3, 5, 64], 16, inverse],
    ["no pixel", [1, 0, 3, 8], 4, inverse],
    ["one bin, one attractor", [1, 3, 5, 1], 1, inverse],
    ["sum, a bin more than lanes", [1, 9, 7, 9], 3, { ...inverse, mean: false }],
    ["exponential, a prime of bins", [1, 5, 3, 37], 8, exponential],
    ["exponential with gamma 1", [1, 3, 3, 16], 2, { ...exponential, alpha: 20, gamma: 1 }],
    ["many pixels", [1, 11, 13, 8], 3, inverse],
  ] as const
).map(([name, centers, count, attributes]) => ({
  name,
  shapes: { centers, attractors: [...centers.slice(0, -1), count] },
  attributes,
  data: { centers: UNITS, attractors: UNITS },
}));
const gradientCases: Problem<"centers" | "attractors" | "d_y", AttractorAttributes>[] = cases.map(
  (c) => ({ ...c, shapes: { ...c.shapes, d_y: c.shapes.centers } }),
);

/**
 * y = c + mean_a f(A_a - c). centers [V, H, W, K], attractors [V, H, W, N] in the same units -> y
 * [V, H, W, K].
 */
export const attractor: Kernel<typeof shaders.attractor, AttractorAttributes> = kernel({
  shader: shaders.attractor,
  axes: { centers: "V, H, W, K", attractors: "V, H, W, N" },
  shapes: ({ centers, attractors }) => {
    checkPixels(centers, attractors);
    return { y: centers };
  },
  params,
  overrides,
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  cost: (shapes) => ({
    flops: flops(shapes, 6),
    bytes: 4 * (2 * size(shapes.centers) + size(shapes.attractors)),
  }),
  cases: withGradient(cases, { wrt: ["centers", "attractors"] }),
  reference: ({ centers, attractors }, shapes, attributes) => {
    const { bins, attractors: count, weight } = strengths(shapes, attributes);
    const y = like(centers, centers.length);
    for (let i = 0; i < y.length; i++) {
      const start = Math.floor(i / bins) * count;
      let sum = 0;
      for (let a = 0; a < count; a++) sum += pull(attractors[start + a] - centers[i], attributes);
      y[i] = centers[i] + weight * sum;
    }
    return { y };
  },
  variants: () => [attractorVec4],
});

const comesInFours = (centers: Shape): boolean => readsAsQuads(0, centers.at(-1) ?? 0, 4);

/** As `attractor`, four bins per load: where their number is a multiple of four. */
export const attractorVec4: Kernel<typeof shaders.attractor_vec4, AttractorAttributes> = mapping(
  attractor,
  {
    shader: shaders.attractor_vec4,
    grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
    runs: (_, { centers }) => comesInFours(centers),
  },
);

/**
 * d_c = d_y (1 - mean_a f'(A_a - c)). centers, d_y [V, H, W, K], attractors [V, H, W, N] ->
 * d_centers.
 */
export const attractorGradCenters: Kernel<
  typeof shaders.attractor_grad_centers,
  AttractorAttributes
> = kernel({
  shader: shaders.attractor_grad_centers,
  axes: { centers: "V, H, W, K", attractors: "V, H, W, N", d_y: "V, H, W, K" },
  shapes: ({ centers, attractors, d_y }) => {
    checkPixels(centers, attractors);
    expectShape({ d_y }, centers, "centers");
    return { d_centers: centers };
  },
  params,
  overrides,
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  cost: (shapes) => ({
    flops: flops(shapes, 9),
    bytes: 4 * (3 * size(shapes.centers) + size(shapes.attractors)),
  }),
  cases: gradientCases,
  reference: ({ centers, attractors, d_y }, shapes, attributes) => {
    const { bins, attractors: count, weight } = strengths(shapes, attributes);
    const d_centers = like(centers, centers.length);
    for (let i = 0; i < d_centers.length; i++) {
      const start = Math.floor(i / bins) * count;
      let sum = 0;
      for (let a = 0; a < count; a++) sum += slope(attractors[start + a] - centers[i], attributes);
      d_centers[i] = d_y[i] * (1 - weight * sum);
    }
    return { d_centers };
  },
  variants: () => [attractorGradCentersVec4],
});

/** As `attractorGradCenters`, four bins per load: where their number is a multiple of four. */
export const attractorGradCentersVec4: Kernel<
  typeof shaders.attractor_grad_centers_vec4,
  AttractorAttributes
> = mapping(attractorGradCenters, {
  shader: shaders.attractor_grad_centers_vec4,
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  runs: (_, { centers }) => comesInFours(centers),
});

/**
 * d_A_a = 1 / N sum_k d_y_k f'(A_a - c_k). centers, d_y [V, H, W, K], attractors [V, H, W, N] ->
 * d_attractors.
 */
export const attractorGradAttractors: Kernel<
  typeof shaders.attractor_grad_attractors,
  AttractorAttributes
> = kernel({
  shader: shaders.attractor_grad_attractors,
  axes: { centers: "V, H, W, K", attractors: "V, H, W, N", d_y: "V, H, W, K" },
  shapes: ({ centers, attractors, d_y }) => {
    checkPixels(centers, attractors);
    expectShape({ d_y }, centers, "centers");
    return { d_attractors: attractors };
  },
  params: (shapes, attributes) => ({
    ...strengths(shapes, attributes),
    n: size(shapes.attractors),
  }),
  overrides,
  grid: ({ n }, { WG, LANES }) => foldGrid(Math.ceil((n * LANES) / WG)),
  cost: (shapes) => ({
    flops: flops(shapes, 11),
    bytes: 4 * (2 * size(shapes.centers) + 2 * size(shapes.attractors)),
  }),
  variants: () => [attractorGradAttractorsVec4, attractorGradAttractorsRows],
  cases: gradientCases,
  reference: ({ centers, attractors, d_y }, shapes, attributes) => {
    const { bins, attractors: count, weight } = strengths(shapes, attributes);
    const d_attractors = like(attractors, attractors.length);
    for (let i = 0; i < attractors.length; i++) {
      const start = Math.floor(i / count) * bins;
      let sum = 0;
      for (let j = start; j < start + bins; j++) {
        sum += d_y[j] * slope(attractors[i] - centers[j], attributes);
      }
      d_attractors[i] = weight * sum;
    }
    return { d_attractors };
  },
});

/** One invocation per one or four attractors, four bins per load: for software adapters. */
export const attractorGradAttractorsVec4: Kernel<
  typeof shaders.attractor_grad_attractors_vec4,
  AttractorAttributes
> = mapping(attractorGradAttractors, {
  shader: shaders.attractor_grad_attractors_vec4,
  overrides: ({ attractors }, attributes) => ({
    ...overrides(null, attributes),
    OWN: readsAsQuads(0, attractors.at(-1) ?? 0, 4) ? 4 : 1,
  }),
  grid: ({ n }, { WG, OWN }) => foldGrid(Math.ceil(n / OWN / WG)),
  runs: (_, { centers }) => comesInFours(centers),
  suits: onSoftware,
});

/** The same with any number of bins. */
export const attractorGradAttractorsRows: Kernel<
  typeof shaders.attractor_grad_attractors_rows,
  AttractorAttributes
> = mapping(attractorGradAttractors, {
  shader: shaders.attractor_grad_attractors_rows,
  grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / WG)),
  suits: onSoftware,
});

/** Throws unless there are attractors, and equally many at each pixel of the centres. */
function checkPixels(centers: Shape, attractors: Shape): void {
  const count = attractors.at(-1) ?? 0;
  expectShape({ attractors }, [...centers.slice(0, -1), count]);
  if (count === 0) {
    throw new Error(`attractors is ${formatShape(attractors)}, expected one or more per pixel`);
  }
}

/** f(x). */
function pull(x: number, { alpha, kind, gamma }: AttractorAttributes): number {
  return kind === "inverse" ? x / (1 + alpha * x * x) : x * Math.exp(-alpha * Math.abs(x) ** gamma);
}

/** f'(x). */
function slope(x: number, { alpha, kind, gamma }: AttractorAttributes): number {
  if (kind === "inverse") return (1 - alpha * x * x) / (1 + alpha * x * x) ** 2;
  const power = alpha * Math.abs(x) ** gamma;
  return Math.exp(-power) * (1 - gamma * power);
}
