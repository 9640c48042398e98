// Depth from bin logits in one read (level 1, fused): softmax and expectation together, with no
// probability stored. Each pixel may have its own centres, or share those of its image or of the
// rig; there is a gradient for all three.
import { withGradient, type Problem } from "../../engine/problem.ts";
import { like, type NumberArray } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import {
  BIN_SHAPES,
  binGeometry,
  CENTERS,
  checkScale,
  SCALES,
  slabGeometry,
  type SharedCentersAttributes,
} from "./bin_expectation.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Grid, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { shaders } from "../shaders.gen.ts";

const extremes: Problem<"logits" | "centers" | "scale", void> = {
  name: "logits of ±80, metres",
  shapes: { logits: [2, 4, 8, 128], centers: [2, 4, 8, 128], scale: [0] },
  attributes: undefined,
  data: {
    logits: { kind: "uniform", low: -80, high: 80 },
    centers: { kind: "uniform", low: 0.1, high: 200 },
  },
};

/** Whether the bins are whole vectors of four, and pixels share their centres. */
const inFours = (logits: Shape, centers: Shape): boolean =>
  logits[3] % 4 === 0 && size(centers) < size(logits);
const SHARED: readonly (typeof BIN_SHAPES)[number][] = [
  ...BIN_SHAPES,
  ["centres of the image in fours, the last lanes idle", [2, 5, 7, 20], [2, 1, 1, 20], [2]],
  ["centres of the rig in fours", [3, 4, 11, 76], [1, 1, 1, 76], [3]],
];

/**
 * depth = scale sum_k softmax(logits)_k c_k. logits [V, H, W, K], centers [V, H, W, K] |
 * [V, 1, 1, K] | [1, 1, 1, K], scale [V] or [0] -> depth [V, H, W, 1] in the units of the centres,
 * statistics [V, H, W, 2] = (maximum, 1 / sum).
 */
export const binDecode: Kernel<typeof shaders.bin_decode> = kernel({
  shader: shaders.bin_decode,
  axes: { logits: "V, H, W, K", centers: ["V, H, W, K", "V, 1, 1, K", "1, 1, 1, K"], scale: "V" },
  shapes: ({ logits, centers, scale }) => {
    binGeometry(logits, centers, scale);
    const pixels = logits.slice(0, -1);
    return { depth: [...pixels, 1], statistics: [...pixels, 2] };
  },
  params: ({ logits, centers, scale }) => ({ ...binGeometry(logits, centers, scale) }),
  overrides: ({ scale }) => ({ HAS_SCALE: scale[0] !== 0 }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: an exponential (8), a difference, two multiply-adds, three selections; logits and
  // centres once
  cost: ({ logits, centers }) => ({
    flops: 16 * size(logits),
    bytes: 4 * (size(logits) + size(centers) + 3 * size(logits.slice(0, -1))),
  }),
  variants: () => [binDecodeVec4, binDecodeRows],
  cases: withGradient(
    [
      ...SHARED.map(([name, logits, centers, scale]) => ({
        name,
        shapes: { logits, centers, scale },
        attributes: undefined,
        data: {
          logits: { kind: "normal", deviation: 3 } as const,
          centers: CENTERS,
          scale: SCALES,
        },
      })),
      extremes,
    ],
    ({ name }) => [
      { wrt: ["centers"], linear: true },
      // probabilities of 0 and 1 have no slope to compare
      ...(name === extremes.name ? [] : [{ wrt: ["logits", "centers"] } as const]),
    ],
  ),
  reference: ({ logits, centers, scale }, shapes) => {
    const at = binGeometry(shapes.logits, shapes.centers, shapes.scale);
    const [depth, statistics] = [like(logits, at.rows), like(logits, 2 * at.rows)];
    for (let row = 0; row < at.rows; row++) {
      const start = row * at.bins;
      const centerStart = Math.floor(row / at.pixels_per_center) * at.bins;
      let max = -Infinity;
      for (let k = 0; k < at.bins; k++) max = Math.max(max, logits[start + k]);
      let sum = 0;
      let weighted = 0;
      for (let k = 0; k < at.bins; k++) {
        const e = Math.exp(logits[start + k] - max);
        sum += e;
        weighted += e * centers[centerStart + k];
      }
      depth[row] = ((scale[Math.floor(row / at.plane)] ?? 1) * weighted) / sum;
      statistics[2 * row] = max;
      statistics[2 * row + 1] = 1 / sum;
    }
    return { depth, statistics };
  },
});

/** The same with four bins per load, for centres that pixels share: for software adapters. */
export const binDecodeVec4: Kernel<typeof shaders.bin_decode_vec4> = mapping(binDecode, {
  shader: shaders.bin_decode_vec4,
  grid: ({ rows, pixels_per_center }, { ROWS, WG }) =>
    pixelBlocks(rows, pixels_per_center, ROWS, WG),
  runs: (_, { logits, centers }) => inFours(logits, centers),
  suits: onSoftware,
});

/** The same with one invocation per pixel: for software adapters. */
export const binDecodeRows: Kernel<typeof shaders.bin_decode_rows> = mapping(binDecode, {
  shader: shaders.bin_decode_rows,
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  suits: onSoftware,
});

/** Workgroups of blocks of `most` pixels that share their centres, `workgroup` blocks each. */
function pixelBlocks(rows: number, sharing: number, most: number, workgroup: number): Grid {
  const blocks = Math.ceil(sharing / most) * (rows / Math.max(1, sharing));
  return foldGrid(Math.ceil(blocks / workgroup));
}

const pixels = (logits: Shape, each: number): Shape => [...logits.slice(0, -1), each];
/** Random numbers as statistics: the gradients are exact functions of their inputs. */
const STATISTICS = { kind: "uniform", low: 0.2, high: 1 } as const;

/**
 * d_logits = d_depth p (scale c - depth), with p from the statistics of `binDecode`. -> d_logits
 * [V, H, W, K].
 */
export const binDecodeGradLogits: Kernel<typeof shaders.bin_decode_grad_logits> = kernel({
  shader: shaders.bin_decode_grad_logits,
  axes: {
    logits: "V, H, W, K",
    centers: ["V, H, W, K", "V, 1, 1, K", "1, 1, 1, K"],
    scale: "V",
    statistics: "V, H, W, 2",
    depth: "V, H, W, 1",
    d_depth: "V, H, W, 1",
  },
  shapes: ({ logits, centers, scale, statistics, depth, d_depth }) => {
    binGeometry(logits, centers, scale);
    expectShape({ statistics }, pixels(logits, 2));
    expectShape({ depth, d_depth }, pixels(logits, 1));
    return { d_logits: logits };
  },
  params: ({ logits, centers, scale }) => ({ ...binGeometry(logits, centers, scale) }),
  overrides: ({ scale }) => ({ HAS_SCALE: scale[0] !== 0 }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  variants: () => [binDecodeGradLogitsVec4],
  // per bin: an exponential (8), a difference, a multiply-add, two products; logits, centres,
  // d_logits once
  cost: ({ logits, centers }) => ({
    flops: 13 * size(logits),
    bytes: 4 * (2 * size(logits) + size(centers) + 4 * size(logits.slice(0, -1))),
  }),
  cases: SHARED.map(([name, logits, centers, scale]) => ({
    name,
    shapes: {
      logits,
      centers,
      scale,
      statistics: pixels(logits, 2),
      depth: pixels(logits, 1),
      d_depth: pixels(logits, 1),
    },
    attributes: undefined,
    data: { centers: CENTERS, scale: SCALES, statistics: STATISTICS },
  })),
  reference: ({ logits, centers, scale, statistics, depth, d_depth }, shapes) => {
    const at = binGeometry(shapes.logits, shapes.centers, shapes.scale);
    const d_logits = like(logits, logits.length);
    for (let row = 0; row < at.rows; row++) {
      const unit = scale[Math.floor(row / at.plane)] ?? 1;
      const centerStart = Math.floor(row / at.pixels_per_center) * at.bins;
      for (let k = 0; k < at.bins; k++) {
        const p = probability(logits, statistics, row, at.bins, k);
        const offset = unit * centers[centerStart + k] - depth[row];
        d_logits[row * at.bins + k] = d_depth[row] * p * offset;
      }
    }
    return { d_logits };
  },
});

/** The same with loads of four bins, for centres that pixels share: for software adapters. */
export const binDecodeGradLogitsVec4: Kernel<typeof shaders.bin_decode_grad_logits_vec4> = mapping(
  binDecodeGradLogits,
  {
    shader: shaders.bin_decode_grad_logits_vec4,
    grid: ({ rows, bins, pixels_per_center }, { ROWS, FOURS, WG }) =>
      pixelBlocks(rows * Math.ceil(bins / 4 / FOURS), pixels_per_center, ROWS, WG),
    runs: (_, { logits, centers }) => inFours(logits, centers),
    suits: onSoftware,
  },
);

/** d_centers = d_depth scale p when each pixel has its own centres. -> d_centers [V, H, W, K]. */
export const binDecodeGradCenters: Kernel<typeof shaders.bin_decode_grad_centers> = kernel({
  shader: shaders.bin_decode_grad_centers,
  axes: { logits: "V, H, W, K", scale: "V", statistics: "V, H, W, 2", d_depth: "V, H, W, 1" },
  shapes: ({ logits, scale, statistics, d_depth }) => {
    binGeometry(logits, logits, scale);
    expectShape({ statistics }, pixels(logits, 2));
    expectShape({ d_depth }, pixels(logits, 1));
    return { d_centers: logits };
  },
  params: ({ logits, scale }) => {
    const { rows, bins, plane } = binGeometry(logits, logits, scale);
    return { rows, bins, plane };
  },
  overrides: ({ scale }) => ({ HAS_SCALE: scale[0] !== 0 }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: an exponential (8), a difference, a product; logits and d_centers once
  cost: ({ logits }) => ({
    flops: 10 * size(logits),
    bytes: 4 * (2 * size(logits) + 3 * size(logits.slice(0, -1))),
  }),
  cases: BIN_SHAPES.map(([name, logits, , scale]) => ({
    name,
    shapes: { logits, scale, statistics: pixels(logits, 2), d_depth: pixels(logits, 1) },
    attributes: undefined,
    data: { scale: SCALES, statistics: STATISTICS },
  })),
  reference: ({ logits, scale, statistics, d_depth }, shapes) => {
    const at = binGeometry(shapes.logits, shapes.logits, shapes.scale);
    const d_centers = like(logits, logits.length);
    for (let row = 0; row < at.rows; row++) {
      const d = d_depth[row] * (scale[Math.floor(row / at.plane)] ?? 1);
      for (let k = 0; k < at.bins; k++) {
        d_centers[row * at.bins + k] = d * probability(logits, statistics, row, at.bins, k);
      }
    }
    return { d_centers };
  },
});

const { SLAB } = shaders.bin_decode_grad_centers_slabs.constants;

/**
 * Gradient with respect to centres that many pixels share, in slices of pixels. -> partials
 * [groups, slabs, K].
 */
export const binDecodeGradCentersSlabs: Kernel<
  typeof shaders.bin_decode_grad_centers_slabs,
  SharedCentersAttributes
> = kernel({
  shader: shaders.bin_decode_grad_centers_slabs,
  axes: { logits: "V, H, W, K", scale: "V", statistics: "V, H, W, 2", d_depth: "V, H, W, 1" },
  shapes: ({ logits, scale, statistics, d_depth }, { groups }) => {
    const { slabs, bins } = slabGeometry(logits, groups, SLAB);
    checkScale(scale, logits[0]);
    expectShape({ statistics }, pixels(logits, 2));
    expectShape({ d_depth }, pixels(logits, 1));
    return { partials: [groups, slabs, bins] };
  },
  params: ({ logits }, { groups }) => slabGeometry(logits, groups, SLAB),
  overrides: ({ scale }) => ({ HAS_SCALE: scale[0] !== 0 }),
  grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / WG)),
  variants: () => [binDecodeGradCentersSlabsVec4],
  // per bin: an exponential (8), a difference, a multiply-add; logits once
  cost: ({ logits }) => ({ flops: 11 * size(logits), bytes: 4 * size(logits) }),
  cases: SHARED.filter(([, logits, centers]) => logits !== centers).map(
    ([name, logits, centers, scale]) => ({
      name,
      shapes: { logits, scale, statistics: pixels(logits, 2), d_depth: pixels(logits, 1) },
      attributes: { groups: centers[0] },
      // positive: sums that cancel are small, and an absolute tolerance would hide their errors
      data: {
        scale: SCALES,
        statistics: STATISTICS,
        d_depth: { kind: "uniform", low: 0, high: 1 },
      },
    }),
  ),
  reference: ({ logits, scale, statistics, d_depth }, shapes, { groups }) => {
    const at = slabGeometry(shapes.logits, groups, SLAB);
    const partials = like(logits, at.n);
    for (let row = 0; row < groups * at.pixels_per_center; row++) {
      const d = d_depth[row] * (scale[Math.floor(row / at.plane)] ?? 1);
      const group = Math.floor(row / at.pixels_per_center);
      const slab = Math.floor((row - group * at.pixels_per_center) / SLAB);
      const start = (group * at.slabs + slab) * at.bins;
      for (let k = 0; k < at.bins; k++) {
        partials[start + k] += d * probability(logits, statistics, row, at.bins, k);
      }
    }
    return { partials };
  },
});

/** The same with loads of four bins. */
export const binDecodeGradCentersSlabsVec4: Kernel<
  typeof shaders.bin_decode_grad_centers_slabs_vec4,
  SharedCentersAttributes
> = mapping(binDecodeGradCentersSlabs, {
  shader: shaders.bin_decode_grad_centers_slabs_vec4,
  grid: ({ n, bins }, { FOURS, WG }) =>
    foldGrid(Math.ceil(((n / bins) * Math.ceil(bins / 4 / FOURS)) / WG)),
  runs: (_, { logits }) => logits[3] % 4 === 0,
  suits: onSoftware,
});

/** p_k of a pixel, from its saved (maximum, 1 / sum). */
function probability<T extends NumberArray>(
  logits: T,
  statistics: T,
  row: number,
  bins: number,
  k: number,
): number {
  return Math.exp(logits[row * bins + k] - statistics[2 * row]) * statistics[2 * row + 1];
}
