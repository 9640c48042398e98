// Depth as the expectation of bin centres under given probabilities (level 0, unfused), and its
// gradients.
import { withGradient, type Problem } from "../../engine/problem.ts";
import { like } from "../../tensor/array.ts";
import { formatShape, sameShape, size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { shaders } from "../shaders.gen.ts";

/** The pairing of pixels' bins with sets of centres and with views. */
export interface BinGeometry {
  /** Pixels of all views. */
  readonly rows: number;
  /** K. */
  readonly bins: number;
  /** Pixels of a view. */
  readonly plane: number;
  /** Pixels that share one set of centres. */
  readonly pixels_per_center: number;
}

/**
 * Pairs bins [V, H, W, K] with centers [V, H, W, K], [V, 1, 1, K] or [1, 1, 1, K] and scale [V] or
 * [0] (absent). Throws with the shapes when they do not fit.
 */
export function binGeometry(bins: Shape, centers: Shape, scale: Shape): BinGeometry {
  if (bins.length !== 4) throw new Error(`bins${formatShape(bins)} must be [V, H, W, K]`);
  const [views, height, width, count] = bins as [number, number, number, number];
  if (count < 1) throw new Error(`bins${formatShape(bins)} must be [V, H, W, K], K of 1 or more`);
  const allowed: Shape[] = [bins, [views, 1, 1, count], [1, 1, 1, count]];
  if (!allowed.some((shape) => sameShape(shape, centers))) {
    throw new Error(
      `centers${formatShape(centers)} must be ${allowed.map(formatShape).join(" or ")}`,
    );
  }
  checkScale(scale, views);
  const rows = views * height * width;
  const centerRows = size(centers.slice(0, -1));
  return { rows, bins: count, plane: height * width, pixels_per_center: rows / (centerRows || 1) };
}

/** Throws unless `scale` is one number per view, or absent ([0]). */
export function checkScale(scale: Shape, views: number): void {
  if (!sameShape(scale, [0])) expectShape({ scale }, [views]);
}

/** Groups of pixels that share one row of centres: 1 for the whole rig, V for one row per image. */
export interface SharedCentersAttributes {
  readonly groups: number;
}

/**
 * Params of the kernels over slices for logits [V, H, W, K]: gradients of `slab` pixels are added
 * in one run before the ordered sum. partials [groups, slabs, K].
 */
export function slabGeometry(
  logits: Shape,
  groups: number,
  slab: number,
): { n: number; bins: number; plane: number; pixels_per_center: number; slabs: number } {
  if (logits.length !== 4) throw new Error(`bins${formatShape(logits)} must be [V, H, W, K]`);
  const [views, height, width, bins] = logits as [number, number, number, number];
  if (groups !== 1 && groups !== views) {
    throw new Error(`${groups} rows of centres for ${views} views; expected 1 or ${views}`);
  }
  const plane = height * width;
  const pixels_per_center = (views * plane) / Math.max(groups, 1);
  const slabs = Math.max(1, Math.ceil(pixels_per_center / slab));
  return { n: groups * slabs * bins, bins, plane, pixels_per_center, slabs };
}

const none: Shape = [0];
const bins: Shape = [2, 3, 7, 64];
/** Shapes at the boundaries of all bin kernels: bins, centers, scale. */
export const BIN_SHAPES: readonly (readonly [string, Shape, Shape, Shape])[] = [
  ["centres of the pixel", bins, bins, [2]],
  ["centres of the image", bins, [2, 1, 1, 64], none],
  ["centres of the rig", bins, [1, 1, 1, 64], [2]],
  ["no pixel", [2, 0, 3, 16], [2, 1, 1, 16], [2]],
  ["one bin", [1, 3, 1, 1], [1, 3, 1, 1], none],
  ["a bin less than lanes", [3, 11, 1, 7], [3, 1, 1, 7], [3]],
  ["a bin more than lanes", [1, 31, 1, 9], [1, 31, 1, 9], none],
  ["a prime of bins", [1, 1, 2, 257], [1, 1, 1, 257], [1]],
  ["many images", [131, 2, 1, 4], [131, 1, 1, 4], [131]],
  ["centres of the rig, images of few pixels", [37, 1, 5, 8], [1, 1, 1, 8], [37]],
];
/** Centres like the student's, in units of the largest depth; focal scales around one. */
export const CENTERS = { kind: "uniform", low: 0.005, high: 1 } as const;
export const SCALES = { kind: "uniform", low: 0.5, high: 1.5 } as const;

const cases: Problem<"probabilities" | "centers" | "scale", void>[] = BIN_SHAPES.map(
  ([name, probabilities, centers, scale]) => ({
    name,
    shapes: { probabilities, centers, scale },
    attributes: undefined,
    data: { probabilities: { kind: "probabilities" }, centers: CENTERS, scale: SCALES },
  }),
);

/**
 * depth = scale sum_k p_k c_k. probabilities [V, H, W, K], centers [V, H, W, K] | [V, 1, 1, K] |
 * [1, 1, 1, K], scale [V] or [0] -> depth [V, H, W, 1] in the units of the centres.
 */
export const binExpectation: Kernel<typeof shaders.bin_expectation> = kernel({
  shader: shaders.bin_expectation,
  axes: {
    probabilities: "V, H, W, K",
    centers: ["V, H, W, K", "V, 1, 1, K", "1, 1, 1, K"],
    scale: "V",
  },
  shapes: ({ probabilities, centers, scale }) => {
    binGeometry(probabilities, centers, scale);
    return { depth: [...probabilities.slice(0, -1), 1] };
  },
  params: ({ probabilities, centers, scale }) => ({
    ...binGeometry(probabilities, centers, scale),
  }),
  overrides: ({ scale }) => ({ HAS_SCALE: scale[0] !== 0 }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: a multiply-add; probabilities and centres once, depth once
  cost: ({ probabilities: p, centers }) => ({
    flops: 2 * size(p),
    bytes: 4 * (size(p) + size(centers) + size(p.slice(0, -1))),
  }),
  terms: ({ probabilities }) => probabilities.at(-1)!,
  variants: () => [binExpectationRows],
  cases: withGradient(
    cases,
    { wrt: ["probabilities", "centers"] },
    { wrt: ["centers"], linear: true },
  ),
  reference: ({ probabilities, centers, scale }, shapes) => {
    const at = binGeometry(shapes.probabilities, shapes.centers, shapes.scale);
    const depth = like(probabilities, at.rows);
    for (let row = 0; row < at.rows; row++) {
      const start = row * at.bins;
      const centerStart = Math.floor(row / at.pixels_per_center) * at.bins;
      let sum = 0;
      for (let k = 0; k < at.bins; k++) sum += probabilities[start + k] * centers[centerStart + k];
      depth[row] = (scale[Math.floor(row / at.plane)] ?? 1) * sum;
    }
    return { depth };
  },
});

/** The same with one invocation per pixel, for software adapters. */
export const binExpectationRows: Kernel<typeof shaders.bin_expectation_rows> = mapping(
  binExpectation,
  {
    shader: shaders.bin_expectation_rows,
    grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
    suits: onSoftware,
  },
);

/**
 * d_x = d_depth scale factor: the gradient of the expectation with respect to one factor is the
 * other factor.
 */
export const binExpectationGrad: Kernel<typeof shaders.bin_expectation_grad> = kernel({
  shader: shaders.bin_expectation_grad,
  axes: { factor: ["V, H, W, K", "V, 1, 1, K", "1, 1, 1, K"], d_depth: "V, H, W, 1", scale: "V" },
  shapes: ({ factor, d_depth, scale }) => {
    expectShape({ d_depth }, [...d_depth.slice(0, -1), 1]);
    const d_x = [...d_depth.slice(0, -1), factor.at(-1) ?? 0];
    binGeometry(d_x, factor, scale);
    return { d_x };
  },
  params: ({ factor, d_depth, scale }) => ({
    ...binGeometry([...d_depth.slice(0, -1), factor.at(-1) ?? 0], factor, scale),
  }),
  overrides: ({ scale }) => ({ HAS_SCALE: scale[0] !== 0 }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: a product; the factor and d_depth once, d_x once
  cost: ({ factor, d_depth }) => ({
    flops: size(d_depth) * factor.at(-1)!,
    bytes: 4 * (size(factor) + size(d_depth) * (1 + factor.at(-1)!)),
  }),
  cases: BIN_SHAPES.map(([name, shape, factor, scale]) => ({
    name,
    shapes: { factor, d_depth: [...shape.slice(0, -1), 1], scale },
    attributes: undefined,
    data: { scale: SCALES },
  })),
  reference: ({ factor, d_depth, scale }, shapes) => {
    const count = shapes.factor.at(-1) ?? 0;
    const at = binGeometry([...shapes.d_depth.slice(0, -1), count], shapes.factor, shapes.scale);
    const d_x = like(factor, at.rows * count);
    for (let row = 0; row < at.rows; row++) {
      const d = d_depth[row] * (scale[Math.floor(row / at.plane)] ?? 1);
      const factorStart = Math.floor(row / at.pixels_per_center) * count;
      for (let k = 0; k < count; k++) d_x[row * count + k] = d * factor[factorStart + k];
    }
    return { d_x };
  },
});

const { SLAB } = shaders.bin_expectation_grad_slabs.constants;

/**
 * Gradient with respect to centres that many pixels share, in slices of pixels. -> partials
 * [groups, slabs, K].
 */
export const binExpectationGradSlabs: Kernel<
  typeof shaders.bin_expectation_grad_slabs,
  SharedCentersAttributes
> = kernel({
  shader: shaders.bin_expectation_grad_slabs,
  axes: { probabilities: "V, H, W, K", d_depth: "V, H, W, 1", scale: "V" },
  shapes: ({ probabilities, d_depth, scale }, { groups }) => {
    const { slabs, bins: count } = slabGeometry(probabilities, groups, SLAB);
    checkScale(scale, probabilities[0]);
    expectShape({ d_depth }, [...probabilities.slice(0, -1), 1]);
    return { partials: [groups, slabs, count] };
  },
  params: ({ probabilities }, { groups }) => slabGeometry(probabilities, groups, SLAB),
  overrides: ({ scale }) => ({ HAS_SCALE: scale[0] !== 0 }),
  grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / WG)),
  // per bin: a multiply-add; probabilities once
  cost: ({ probabilities: p }) => ({ flops: 2 * size(p), bytes: 4 * size(p) }),
  terms: () => SLAB,
  cases: BIN_SHAPES.filter(([, shape, centers]) => shape !== centers).map(
    ([name, shape, centers, scale]) => ({
      name,
      shapes: { probabilities: shape, d_depth: [...shape.slice(0, -1), 1], scale },
      attributes: { groups: centers[0] },
      data: { probabilities: { kind: "probabilities" }, scale: SCALES },
    }),
  ),
  reference: ({ probabilities, d_depth, scale }, shapes, { groups }) => {
    const at = slabGeometry(shapes.probabilities, groups, SLAB);
    const partials = like(probabilities, at.n);
    for (let row = 0; row < groups * at.pixels_per_center; row++) {
      const d = d_depth[row] * (scale[Math.floor(row / at.plane)] ?? 1);
      const group = Math.floor(row / at.pixels_per_center);
      const slab = Math.floor((row - group * at.pixels_per_center) / SLAB);
      const start = (group * at.slabs + slab) * at.bins;
      for (let k = 0; k < at.bins; k++) partials[start + k] += d * probabilities[row * at.bins + k];
    }
    return { partials };
  },
});
